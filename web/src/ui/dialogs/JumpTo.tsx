import { useRef, useState } from 'react'
import { t } from '../../i18n'
import { jumpTo } from '../../store/jump'
import { useApp, useChat } from '../../store/store'
import { Calendar } from '../kit/Calendar'
import { addDays, addMonths, isoDay, parseDay, startOfDay, within } from '../kit/calendar'
import { Dialog } from '../kit/Dialog'
import { Field, Fault, useSubmit } from '../kit/Form'

/** Chooses the day to go to in a room. */
export function JumpTo({ room, at, onClose }: { room: string; at?: string; onClose: () => void }) {
  const view = useChat((s) => s.rooms[room])
  const online = useApp((a) => a.status.kind === 'online')
  const max = startOfDay(new Date())
  const min = startOfDay(view ? new Date(view.created_at) : max)
  const [day, setDay] = useState(() => within(startOfDay(at ? new Date(at) : max), min, max))
  const [typed, setTyped] = useState(isoDay(day))
  const [wrong, setWrong] = useState(false)
  const left = useRef(false)
  const go = useRef(day)
  const { busy, submit, elsewhere } = useSubmit(async () => {
    const found = await jumpTo(room, go.current)
    left.current = true
    onClose()
    found()
  })
  if (!view) return null
  const set = (to: Date) => {
    setDay(to)
    setTyped(isoDay(to))
    setWrong(false)
  }
  const pick = (to: Date) => {
    set(to)
    go.current = to
    void submit()
  }
  const type = (text: string) => {
    setTyped(text)
    const to = parseDay(text)
    setWrong(false)
    if (to && to >= min && to <= max) setDay(to)
  }
  const shortcuts = [
    ['jump.yesterday', addDays(max, -1)],
    ['jump.week', addDays(max, -7)],
    ['jump.month', addMonths(max, -1)],
    ['jump.first', min],
  ] as const
  return (
    <Dialog title={t('jump.title')} onClose={onClose} left={left}>
      <form
        className="jump-form"
        onSubmit={(e) => {
          e.preventDefault()
          const to = parseDay(typed)
          if (to) pick(within(to, min, max))
          else setWrong(true)
        }}
      >
        <Field
          label={t('jump.day')} type="date" value={typed} min={isoDay(min)} max={isoDay(max)} required error={wrong ? t('jump.wrong') : undefined}
          onChange={(e) => type(e.target.value)}
        />
        <Calendar min={min} max={max} day={day} onDay={set} onPick={pick} />
        <div className="jump-shortcuts">
          {shortcuts
            .filter(([key, to]) => key === 'jump.first' || to > min)
            .map(([key, to]) => (
              <button key={key} type="button" className="button" disabled={busy || !online} onClick={() => pick(to)}>
                {t(key)}
              </button>
            ))}
        </div>
        <Fault text={elsewhere()} />
        <div className="dialog-actions">
          <button className="button primary" disabled={busy || !online}>
            {t('jump.go')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

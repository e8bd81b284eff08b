import { useState } from 'react'
import { t } from '../../i18n'
import { ban, mute, removeMember } from '../../store/actions'
import { nameOf, titleOf } from '../../store/select'
import { toast, useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'
import { span } from '../kit/time'

const minute = 60
const hour = 60 * minute
const day = 24 * hour
/** How long, in seconds, one chooses from; 0 is for good. */
const lengths = { mute: [10 * minute, hour, day], ban: [0, day, 7 * day, 30 * day] }
const units = [
  { length: minute, label: 'moderate.minutes' },
  { length: hour, label: 'moderate.hours' },
  { length: day, label: 'moderate.days' },
] as const

interface Props {
  act: 'mute' | 'remove' | 'ban'
  room: string
  user: string
  onClose: () => void
}

/** Asks for how long and why, says what will happen, and does it. */
export function Moderate({ act, room, user, onClose }: Props) {
  const name = useChat((s) => nameOf(s, user))
  const title = useChat((s) => (s.rooms[room] ? titleOf(s, s.rooms[room]) : ''))
  const [seconds, setSeconds] = useState(act === 'remove' ? 0 : lengths[act][0]!)
  const [reason, setReason] = useState('')
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    const why = reason.trim()
    if (act === 'remove') await removeMember(room, user, why)
    else await (act === 'mute' ? mute : ban)(room, user, seconds, why)
    toast(t(`moderate.done.${act}`, { name }))
    onClose()
  })
  return (
    <Dialog title={t(`moderate.title.${act}`, { name })} onClose={onClose}>
      <form onSubmit={submit}>
        <p className="dialog-text">{t(`moderate.text.${act}`, { name, room: title })}</p>
        {act !== 'remove' && <Length choices={lengths[act]} onChange={setSeconds} />}
        <Field label={t('moderate.reason')} value={reason} maxLength={250} autoComplete="off" onChange={(e) => setReason(e.target.value)} hint={t(`moderate.reasonHint.${act}`)} error={at('reason')} />
        <Fault text={elsewhere('reason')} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button danger" disabled={busy || !Number.isFinite(seconds)}>
            {t(`moderate.${act}`)}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

/** For how long: one of a few spans, or another one. NaN while that is not a number. */
function Length({ choices, onChange }: { choices: number[]; onChange: (seconds: number) => void }) {
  const [chosen, setChosen] = useState(String(choices[0]))
  const [count, setCount] = useState('2')
  const [unit, setUnit] = useState(hour)
  const change = (next: { chosen?: string; count?: string; unit?: number }) => {
    const all = { chosen, count, unit, ...next }
    setChosen(all.chosen)
    setCount(all.count)
    setUnit(all.unit)
    const n = Number(all.count)
    onChange(all.chosen !== 'other' ? Number(all.chosen) : Number.isInteger(n) && n > 0 ? n * all.unit : NaN)
  }
  return (
    <>
      <label className="field">
        <span>{t('moderate.length')}</span>
        <select value={chosen} onChange={(e) => change({ chosen: e.target.value })}>
          {choices.map((s) => (
            <option key={s} value={s}>
              {s === 0 ? t('bans.forGood') : span(s)}
            </option>
          ))}
          <option value="other">{t('moderate.other')}</option>
        </select>
      </label>
      {chosen === 'other' && (
        <div className="pair">
          <Field label={t('moderate.number')} type="number" min={1} max={999} inputMode="numeric" required value={count} onChange={(e) => change({ count: e.target.value })} />
          <label className="field">
            <span>{t('moderate.unit')}</span>
            <select value={unit} onChange={(e) => change({ unit: Number(e.target.value) })}>
              {units.map((u) => (
                <option key={u.length} value={u.length}>
                  {t(u.label)}
                </option>
              ))}
            </select>
          </label>
        </div>
      )}
    </>
  )
}

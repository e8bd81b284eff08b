import { t } from '../../i18n'
import type { NotifyLevel } from '../../protocol/types'
import { setLevel } from '../../store/people'
import { titleOf } from '../../store/select'
import { useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, useSubmit } from '../kit/Form'

const levels = [
  { value: '', name: 'usual' },
  { value: 'all', name: 'all' },
  { value: 'mentions', name: 'mentions' },
  { value: 'none', name: 'none' },
] as const satisfies { value: NotifyLevel; name: string }[]

/** Of what in a room one wants to be told. It holds at once. */
export function Level({ room, onClose }: { room: string; onClose: () => void }) {
  const view = useChat((s) => s.rooms[room])
  const title = useChat((s) => (s.rooms[room] ? titleOf(s, s.rooms[room]) : ''))
  const now = view?.notify ?? ''
  return (
    <Dialog title={t('level.title', { room: title })} onClose={onClose}>
      <fieldset className="choices">
        <legend className="visually-hidden">{t('level.legend')}</legend>
        {levels.map((l) => (
          <Choice key={l.value} room={room} level={l.value} name={l.name} chosen={now === l.value} direct={view?.kind === 'direct'} />
        ))}
      </fieldset>
    </Dialog>
  )
}

function Choice({ room, level, name, chosen, direct }: { room: string; level: NotifyLevel; name: 'usual' | 'all' | 'mentions' | 'none'; chosen: boolean; direct: boolean }) {
  const { submit, elsewhere } = useSubmit(() => setLevel(room, level))
  return (
    <>
      <label className="choice">
        <input type="radio" name="level" value={name} checked={chosen} onChange={() => void submit()} autoFocus={chosen} />
        <span>
          <b>{t(`level.${name}`)}</b>
          <small>{name === 'usual' && direct ? t('level.usualDirectHint') : t(`level.${name}Hint`)}</small>
        </span>
      </label>
      <Fault text={elsewhere()} />
    </>
  )
}

import { useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { NotifyLevel } from '../../protocol/types'
import { setLevel } from '../../store/people'
import { titleOf } from '../../store/select'
import { useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault } from '../kit/Form'

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
  const [wanted, setWanted] = useState<NotifyLevel | null>(null) // what the server has not agreed to yet
  const [fault, setFault] = useState('')
  const now = wanted ?? view?.notify ?? ''
  const choose = async (level: NotifyLevel) => {
    setWanted(level)
    setFault('')
    try {
      await setLevel(room, level)
    } catch (err) {
      setFault(explain(err))
    } finally {
      setWanted((w) => (w === level ? null : w))
    }
  }
  return (
    <Dialog title={t('level.title', { room: title })} onClose={onClose}>
      <fieldset className="choices">
        <legend className="visually-hidden">{t('level.legend')}</legend>
        {levels.map(({ value, name }) => (
          <label key={value} className="choice">
            <input type="radio" name="level" value={name} checked={now === value} onChange={() => void choose(value)} />
            <span>
              <b>{t(`level.${name}`)}</b>
              <small>{t(name === 'usual' && view?.kind === 'direct' ? 'level.usualDirectHint' : `level.${name}Hint`)}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <Fault text={fault} />
    </Dialog>
  )
}

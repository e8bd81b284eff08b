import { useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { NotifyLevel } from '../../protocol/types'
import { setLevel } from '../../store/people'
import { titleOf } from '../../store/select'
import { useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault } from '../kit/Form'

const levels = ['all', 'mentions', 'none'] as const satisfies NotifyLevel[]

/** Of what in a room one wants to be told. It holds at once. */
export function Level({ room, onClose }: { room: string; onClose: () => void }) {
  const view = useChat((s) => s.rooms[room])
  const title = useChat((s) => (s.rooms[room] ? titleOf(s, s.rooms[room]) : ''))
  const [wanted, setWanted] = useState<NotifyLevel | null>(null) // what the server has not agreed to yet
  const [fault, setFault] = useState('')
  const usual = view?.kind === 'direct' ? 'all' : 'mentions' // what one is told of in such a room unless one chooses
  const now = (wanted ?? view?.notify) || usual
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
        {levels.map((level) => (
          <label key={level} className="choice">
            <input type="radio" name="level" value={level} checked={now === level} onChange={() => void choose(level === usual ? '' : level)} />
            <span>
              <b>
                {t(`level.${level}`)}
                {level === usual && <span className="muted"> {t('level.usual')}</span>}
              </b>
              <small>{t(`level.${level}Hint`)}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <Fault text={fault} />
    </Dialog>
  )
}

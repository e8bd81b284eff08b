import { Hash, Lock } from 'lucide-react'
import { useState } from 'react'
import { type Key, t } from '../../i18n'
import type { RoomKind } from '../../protocol/types'
import { createRoom, openRoom } from '../../store/actions'
import { useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'
import { PeoplePicker } from './PeoplePicker'

const kinds: { value: RoomKind; label: Key; hint: Key; icon: typeof Hash }[] = [
  { value: 'public', label: 'create.public', hint: 'create.publicHint', icon: Hash },
  { value: 'private', label: 'create.private', hint: 'create.privateHint', icon: Lock },
]

export function CreateRoom({ onClose }: { onClose: () => void }) {
  const limits = useChat((s) => s.limits)
  const [name, setName] = useState('')
  const [topic, setTopic] = useState('')
  const [kind, setKind] = useState<RoomKind>('public')
  const [users, setUsers] = useState<string[]>([])
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    const room = await createRoom(name, topic, kind, users)
    onClose()
    openRoom(room.id)
  })
  return (
    <Dialog title={t('create.title')} onClose={onClose}>
      <form onSubmit={submit}>
        <Field label={t('create.name')} value={name} maxLength={limits.name} required autoFocus onChange={(e) => setName(e.target.value)} error={at('name')} />
        <Field label={t('create.topic')} value={topic} maxLength={limits.topic} onChange={(e) => setTopic(e.target.value)} error={at('topic')} hint={t('create.topicHint')} />
        <fieldset className="choices">
          <legend>{t('create.who')}</legend>
          {kinds.map(({ value, label, hint, icon: Icon }) => (
            <label key={value} className="choice">
              <input type="radio" name="kind" value={value} checked={kind === value} onChange={() => setKind(value)} />
              <Icon size={17} aria-hidden />
              <span>
                <b>{t(label)}</b>
                <small>{t(hint)}</small>
              </span>
            </label>
          ))}
        </fieldset>
        <PeoplePicker label={t('room.addPeople')} chosen={users} onChange={setUsers} most={50} />
        <Fault text={elsewhere('name', 'topic')} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button primary" disabled={busy || name.trim() === ''}>
            {t('create.create')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

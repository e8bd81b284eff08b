import { Hash, Lock } from 'lucide-react'
import { useState } from 'react'
import type { RoomKind } from '../../protocol/types'
import { createRoom, openRoom } from '../../store/actions'
import { useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'
import { PeoplePicker } from './PeoplePicker'

const kinds: { value: RoomKind; label: string; hint: string; icon: typeof Hash }[] = [
  { value: 'public', label: 'Public', hint: 'Everyone on this server can find and join it.', icon: Hash },
  { value: 'private', label: 'Private', hint: 'Only people who are added know of it.', icon: Lock },
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
    <Dialog title="Create a room" onClose={onClose}>
      <form onSubmit={submit}>
        <Field label="Name" value={name} maxLength={limits.name} required autoFocus onChange={(e) => setName(e.target.value)} error={at('name')} />
        <Field label="Topic" value={topic} maxLength={limits.topic} onChange={(e) => setTopic(e.target.value)} error={at('topic')} hint="What it is about. It can stay empty." />
        <fieldset className="choices">
          <legend>Who may come in</legend>
          {kinds.map(({ value, label, hint, icon: Icon }) => (
            <label key={value} className="choice">
              <input type="radio" name="kind" value={value} checked={kind === value} onChange={() => setKind(value)} />
              <Icon size={17} aria-hidden />
              <span>
                <b>{label}</b>
                <small>{hint}</small>
              </span>
            </label>
          ))}
        </fieldset>
        <PeoplePicker label="Add people" chosen={users} onChange={setUsers} most={50} />
        <Fault text={elsewhere('name', 'topic')} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button className="button primary" disabled={busy || name.trim() === ''}>
            Create room
          </button>
        </div>
      </form>
    </Dialog>
  )
}

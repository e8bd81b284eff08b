import { Archive, Hash, Lock } from 'lucide-react'
import { useMemo } from 'react'
import type { Room } from '../../protocol/types'
import { nameOf, othersOf, presence } from '../../store/select'
import { useChat } from '../../store/store'
import { Avatar } from '../kit/Avatar'

/** What stands before a room’s name: its sign, or those in it. It says nothing that is not said beside it, so it is hidden from readers. */
export function RoomFace({ room, size = 'medium' }: { room: Pick<Room, 'kind' | 'people' | 'archived'>; size?: 'small' | 'medium' }) {
  const me = useChat((s) => s.me.id)
  const others = useMemo(() => othersOf(me, room), [me, room.people])
  if (room.kind === 'direct') return others.length > 1 ? <Stack users={others} size={size} /> : <One user={others[0] ?? ''} size={size} />
  const Sign = room.archived ? Archive : room.kind === 'private' ? Lock : Hash
  return (
    <span className={`room-sign ${size}`} aria-hidden="true">
      <Sign size={(size === 'small' ? 14 : 16) + (Sign === Hash ? 1 : 0)} />
    </span>
  )
}

function One({ user, size }: { user: string; size: 'small' | 'medium' }) {
  const name = useChat((s) => nameOf(s, user))
  const online = useChat((s) => presence(s, user))
  return <Avatar id={user} name={name} size={size} online={online} />
}

/** Two of several people, one before the other. */
function Stack({ users, size }: { users: string[]; size: 'small' | 'medium' }) {
  const people = useChat((s) => s.people)
  return (
    <span className={`avatar-stack ${size}`} aria-hidden="true">
      {users.slice(0, 2).map((u) => (
        <Avatar key={u} id={u} name={people[u]?.name ?? ''} size="small" />
      ))}
    </span>
  )
}

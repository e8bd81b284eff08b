import { useApp, useChat } from '../../store/store'
import { Timeline } from '../timeline/Timeline'
import { Writing } from './Writing'
import { RoomHeader } from './RoomHeader'

interface Props {
  id: string
  members: boolean
  onMembers: () => void
}

/** The open room. */
export function Room({ id, members, onMembers }: Props) {
  const room = useChat((s) => s.rooms[id])
  const info = useApp((a) => a.info)
  if (!room || !info) return null
  return (
    <div className="room">
      <RoomHeader room={room} members={members} onMembers={onMembers} />
      <Timeline room={room} />
      <Writing room={room} />
    </div>
  )
}

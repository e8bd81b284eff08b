import { memo } from 'react'
import { useApp, useChat } from '../../store/store'
import { Timeline } from '../timeline/Timeline'
import { Writing } from './Writing'
import { RoomHeader } from './RoomHeader'
import { useStill } from './still'

interface Props {
  id: string
  members: boolean
  onMembers: () => void
}

const Header = memo(RoomHeader)
const Below = memo(Writing)

/** The open room. */
export function Room({ id, members, onMembers }: Props) {
  const room = useChat((s) => s.rooms[id])
  const still = useStill(room)
  const info = useApp((a) => a.info !== null)
  if (!room || !still || !info) return null
  return (
    <div className="room">
      <Header room={still} members={members} onMembers={onMembers} />
      <Timeline room={room} />
      <Below room={still} />
    </div>
  )
}

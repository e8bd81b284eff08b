import { Incoming } from './Incoming'
import { Outgoing } from './Outgoing'

/** How programs write into a room, and hear of it. */
export function Integrations({ room }: { room: string }) {
  return (
    <>
      <Incoming room={room} />
      <Outgoing room={room} />
    </>
  )
}

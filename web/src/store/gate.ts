// Whether one may write in a room now, and if not, why and until when.

import type { Item } from '../outbox/outbox'
import type { Mute, RoomView } from '../protocol/types'
import type { State } from './state'

export type Gate =
  | { kind: 'open' }
  | { kind: 'archived' }
  /** Only moderators post; replies in threads are for everyone. */
  | { kind: 'announce' }
  | { kind: 'muted'; mute: Mute }
  /** The room is slow, and one has just written: in ms since 1970. */
  | { kind: 'slow'; until: number }

/** The room of a thread, and any other room itself. */
export const homeOf = (s: Pick<State, 'rooms'>, room: RoomView): RoomView => (room.kind === 'thread' ? (s.rooms[room.parent ?? ''] ?? room) : room)

/** What keeps one from writing, reacting and changing anything in a room or its threads. Ahead: see [App.ahead]. */
export function barOf(home: Pick<RoomView, 'archived' | 'mute'>, now: number, ahead: number): Gate {
  if (home.archived) return { kind: 'archived' }
  if (home.mute && Date.parse(home.mute.until) + ahead > now) return { kind: 'muted', mute: home.mute }
  return { kind: 'open' }
}

const moderates = (me: State['me'], room: RoomView) => room.role === 'moderator' || (room.kind === 'public' && (me.role === 'admin' || me.role === 'owner'))

/** Whether one may post in a room, if nothing bars one from writing at all. */
export const mayPost = (me: State['me'], room: RoomView): boolean => !room.announce || room.kind === 'thread' || moderates(me, room)

/**
 * When one may send the next message in a slow room, in ms since 1970; 0 for now. Last is when one's last message there was
 * sent, by the server's clock. It may be too early, if one has written elsewhere: the server decides, and the outbox waits.
 */
export function slowUntil(me: State['me'], room: RoomView, outbox: readonly Item[], last: string | undefined, now: number, ahead: number): number {
  if (room.kind === 'thread' || !room.slow || moderates(me, room)) return 0
  const slow = room.slow * 1000
  // A message that waits to be sent is followed by the same wait, from when it
  // is there.
  const waiting = outbox.findLast((i) => i.room === room.id && i.state === 'pending' && i.tried)
  const until = waiting ? Math.max(waiting.waits ?? 0, now) + slow : last ? Math.min(Date.parse(last) + ahead, now) + slow : 0
  return until > now ? until : 0
}

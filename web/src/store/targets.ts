// Where one can go, or send something: rooms, and people with whom one has none
// yet.

import type { RoomView } from '../protocol/types'
import { fit, listed, otherOf, shownUnread, sortedPeople, titleOf } from './select'
import type { State } from './state'

export interface Target {
  key: string
  title: string
  /** None yet, of a person. */
  room?: RoomView
  /** The other person of a direct room with one; empty for other rooms. */
  user: string
  unread: number
  recent: string
}

/** Those whose name fits what was typed, the best first. */
export function targets(s: State, typed: string, may: (room: RoomView) => boolean = () => true): Target[] {
  const all = listed(s)
  const rooms = all.filter(may).map<Target>((r) => ({
    key: r.id, title: titleOf(s, r), room: r, user: otherOf(s, r), unread: shownUnread(s, r), recent: r.last?.at ?? r.joined_at,
  }))
  const known = new Set(all.map((r) => otherOf(s, r)))
  const people = sortedPeople(s).filter((u) => !known.has(u.id)).map<Target>((u) => ({ key: u.id, title: u.name, user: u.id, unread: 0, recent: '' }))
  return [...rooms, ...people]
    .map((to) => ({ to, score: fit(to.title, typed) }))
    .filter((f) => f.score > 0)
    .sort((a, b) => b.score - a.score || Number(a.to.room?.archived ?? false) - Number(b.to.room?.archived ?? false) || Math.sign(b.to.unread) - Math.sign(a.to.unread) || (a.to.recent < b.to.recent ? 1 : -1))
    .slice(0, 40)
    .map((f) => f.to)
}

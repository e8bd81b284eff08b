// What is derived from all of one's rooms. There may be thousands, and each
// message changes one: what did not change is kept, as the same objects, so
// that nothing is drawn or counted anew for it.

import type { RoomView } from '../protocol/types'
import { isGroup, shownUnread } from './select'
import type { State } from './state'

type Views = State['rooms']

export interface Derived {
  /** How much is shown as unread, in all. */
  total: number
  /** How much in each room in which something is. */
  counts: ReadonlyMap<string, number>
  /** Those rooms. */
  unread: ReadonlySet<string>
  /** The unread messages that mention one, by room; those in threads apart. */
  mentioned: ReadonlyMap<string, readonly number[]>
  /** Threads that one follows, those with the latest news first. */
  threads: readonly RoomView[]
  /** The same by the message that they are under, as room/no. */
  byRoot: ReadonlyMap<string, RoomView>
  /** Rooms with a thread in which one is mentioned. */
  calling: ReadonlySet<string>
  /**
   * The people of one's direct rooms with one other, oneself among them, as one
   * text: it stays the same while they do.
   */
  pairs: string
}

export const activity = (r: RoomView) => r.last?.at ?? r.joined_at

let compared: { before: Views; rooms: Views; changed: string[] | null } | null = null

/**
 * Which rooms are not the same as before; null if there are others than before.
 * Asked for the same twice, it looks once.
 */
export function changedRooms(before: Views, rooms: Views): string[] | null {
  if (compared?.before !== before || compared.rooms !== rooms) compared = { before, rooms, changed: compare(before, rooms) }
  return compared.changed
}

function compare(before: Views, rooms: Views): string[] | null {
  const ids = Object.keys(rooms)
  const changed = ids.filter((id) => rooms[id] !== before[id])
  return changed.some((id) => before[id] === undefined) || ids.length !== Object.keys(before).length ? null : changed
}

function threadsOf(rooms: Views): Pick<Derived, 'threads' | 'byRoot' | 'calling'> {
  const all = Object.values(rooms).filter((r) => r.kind === 'thread')
  return {
    threads: all.filter((r) => r.parent !== undefined && rooms[r.parent]).sort((a, b) => (activity(a) < activity(b) ? 1 : -1)),
    byRoot: new Map(all.map((r) => [`${r.parent}/${r.root}`, r])),
    calling: new Set(all.filter((r) => r.mentions).map((r) => r.parent!)),
  }
}

const pairsOf = (rooms: Views) => Object.values(rooms).flatMap((r) => (r.kind === 'direct' && !isGroup(r) ? (r.people ?? []) : [])).join()

export function derive(rooms: Views): Derived {
  const all = Object.values(rooms)
  const counts = new Map(all.map((r) => [r.id, shownUnread({ rooms }, r)] as const).filter(([, n]) => n > 0))
  return {
    total: [...counts.values()].reduce((sum, n) => sum + n, 0),
    counts,
    unread: new Set(counts.keys()),
    mentioned: new Map(all.flatMap((r) => (r.mentions?.length && r.kind !== 'thread' ? [[r.id, r.mentions] as const] : []))),
    ...threadsOf(rooms),
    pairs: pairsOf(rooms),
  }
}

/** More than so many are not taken one by one. */
const few = 20

/** What derive(rooms) gives, made from what was derived from the rooms before. */
export function deriveNext(was: Derived, before: Views, rooms: Views): Derived {
  const changed = changedRooms(before, rooms)
  // A level decides what counts in a room and in its threads.
  if (!changed || changed.length > few || changed.some((id) => rooms[id]!.notify !== before[id]!.notify)) return derive(rooms)
  const next = { ...was }
  for (const id of changed) {
    const [old, now] = [before[id]!, rooms[id]!]
    const count = shownUnread({ rooms }, now)
    const counted = next.counts.get(id) ?? 0
    if (count !== counted) {
      const counts = new Map(next.counts)
      if (count > 0) counts.set(id, count)
      else counts.delete(id)
      next.counts = counts
      next.total += count - counted
    }
    if (count > 0 !== counted > 0) next.unread = new Set(next.counts.keys())
    if (now.kind !== 'thread' && old.mentions !== now.mentions) {
      const mentioned = new Map(next.mentioned)
      if (now.mentions?.length) mentioned.set(id, now.mentions)
      else mentioned.delete(id)
      next.mentioned = mentioned
    }
  }
  if (changed.some((id) => rooms[id]!.kind === 'thread')) Object.assign(next, threadsOf(rooms))
  if (changed.some((id) => before[id]!.people !== rooms[id]!.people)) next.pairs = pairsOf(rooms)
  return next
}

let from: Views = {}
let kept: Derived = derive(from)

export function derived(s: Pick<State, 'rooms'>): Derived {
  if (s.rooms !== from) {
    kept = deriveNext(kept, from, s.rooms)
    from = s.rooms
  }
  return kept
}

import type { Event, Position } from './types'

export const roomStream = (id: string) => `room:${id}`
export const userStream = (id: string) => `user:${id}`
export const serverStream = 'server'

/** The room of a stream, or null. */
export const roomOf = (stream: string): string | null => (stream.startsWith('room:') ? stream.slice(5) : null)

/** The place just after e. */
export const positionOf = (e: Event): Position => ({ epoch: e.epoch, seq: e.seq, id: e.id })

export type Place = 'known' | 'next' | 'gap'

/** Where e lies, seen from p: already known, right after it, or with something missing in between. */
export function place(p: Position, e: Event): Place {
  if (e.epoch !== p.epoch) return 'gap'
  if (e.seq <= p.seq) return 'known'
  if (e.seq === p.seq + 1 && (!p.id || p.id === (e.prev ?? ''))) return 'next'
  return 'gap'
}

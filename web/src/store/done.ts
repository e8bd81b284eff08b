// What a person is done with in what they have to catch up on: one of their
// documents. Beside catchup.ts, so that the list of rooms can say how much is
// left before that is loaded.

import { useDocument } from './documents'
import { shownUnread } from './select'
import type { State } from './state'
import { useChat } from './store'

/** The document "catchup". */
export interface Done {
  /** Messages by their keys: for a mention 1, for one that was reacted to the number of reactions seen. */
  done: Record<string, number>
  /** All messages up to that time, but those whose keys say more. */
  before: string
}

export const mentionKey = (m: { room: string; no: number }): string => `m:${m.room}/${m.no}`

const none: Done['done'] = {}

/** How many mentions one has neither read nor is done with, and how many threads that one follows have new answers. */
export function useCatchUpCount(): number {
  const done = useDocument<Done>('catchup').done ?? none
  return useChat((s) => count(s.rooms, done))
}

let last: { rooms: State['rooms']; done: Done['done']; sum: number } | null = null

function count(rooms: State['rooms'], done: Done['done']): number {
  if (last?.rooms === rooms && last.done === done) return last.sum
  let sum = 0
  for (const r of Object.values(rooms)) {
    if (r.kind === 'thread') sum += rooms[r.parent ?? ''] && shownUnread({ rooms }, r) > 0 ? 1 : 0
    else for (const no of r.mentions ?? []) if (!done[mentionKey({ room: r.id, no })]) sum++
  }
  last = { rooms, done, sum }
  return sum
}

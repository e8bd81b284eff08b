// What a person is done with in what they have to catch up on: one of their
// documents. Beside catchup.ts, so that the list of rooms can say how much is
// left before that is loaded.

import { useDocument } from './documents'
import { type Derived, derived } from './rooms'
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
  return useChat((s) => count(s, done))
}

let last: { mentioned: Derived['mentioned']; threads: number; done: Done['done']; sum: number } | null = null

function count(s: Pick<State, 'rooms'>, done: Done['done']): number {
  const { mentioned, threads, unread } = derived(s)
  const news = threads.reduce((sum, r) => sum + (unread.has(r.id) ? 1 : 0), 0)
  if (last?.mentioned === mentioned && last.threads === news && last.done === done) return last.sum
  let sum = news
  for (const [room, nos] of mentioned) for (const no of nos) if (!done[mentionKey({ room, no })]) sum++
  last = { mentioned, threads: news, done, sum }
  return sum
}

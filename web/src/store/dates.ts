// Where a day begins in a room: messages are numbered densely and in time, so
// halving finds it.

import type { Message } from '../protocol/types'

/** The messages after a number, at most so many. */
export type After = (no: number, limit: number) => Promise<Message[]>

const stretch = 50 // so few are read at once instead of halved further

/**
 * The first message since a moment (ms since 1970) among those from `first` to `head`, or null if all are older. It asks for one
 * message at a time, twenty times for a room of fifty million; numbers of which nothing is left are stepped over.
 */
export async function firstSince(after: After, first: number, head: number, time: number): Promise<Message | null> {
  let found: Message | null = null
  let low = first // all before it are older
  let high = head // all after it, up to what was found, are not
  while (low <= high) {
    const mid = high - low < stretch ? low : (low + high) >> 1
    const list = await after(mid - 1, mid === low ? stretch : 1)
    const inside = list.filter((m) => m.no <= high)
    const hit = inside.find((m) => Date.parse(m.at) >= time)
    if (mid === low) return hit ?? found
    const [m] = inside
    if (m && !hit) low = m.no + 1
    else {
      if (hit) found = hit
      high = mid - 1
    }
  }
  return found
}

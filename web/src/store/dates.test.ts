import { describe, expect, it } from 'vitest'
import type { Message } from '../protocol/types'
import { firstSince } from './dates'

/** A room with these numbers left, each a minute after the one before; and how often it was asked. */
function room(numbers: number[]) {
  const all = numbers.map((no) => ({ no, at: new Date(no * 60_000).toISOString() }) as Message)
  const asked: number[] = []
  const after = (no: number, limit: number) => {
    asked.push(no)
    return Promise.resolve(all.filter((m) => m.no > no).slice(0, limit))
  }
  const since = async (no: number, first = 1) => (await firstSince(after, first, numbers.at(-1) ?? 0, no * 60_000))?.no ?? null
  return { since, asked }
}
const upTo = (n: number, from = 1) => Array.from({ length: n - from + 1 }, (_, i) => from + i)

describe('the first message since a moment', () => {
  it('is found wherever it is', async () => {
    for (const n of [0, 1, 2, 49, 50, 51, 52, 130]) {
      const r = room(upTo(n))
      for (let no = 1; no <= n; no++) expect(await r.since(no), `${no} of ${n}`).toBe(no)
      expect(await r.since(0.5)).toBe(n > 0 ? 1 : null)
      expect(await r.since(n + 1)).toBeNull()
    }
  })

  it('is the next one where numbers are missing, at the beginning or between', async () => {
    const left = [...upTo(320, 300), ...upTo(420, 400), 900, ...upTo(1_100, 1_000)]
    const r = room(left)
    for (let no = 1; no <= 1_101; no++) expect(await r.since(no, 290), `${no}`).toBe(left.find((x) => x >= no) ?? null)
  })

  it('is found with few questions', async () => {
    const r = room(upTo(20_000))
    for (const no of [1, 77, 9_999, 10_000, 19_999, 20_000, 20_001]) {
      r.asked.length = 0
      await r.since(no)
      expect(r.asked.length).toBeLessThanOrEqual(11)
    }
  })
})

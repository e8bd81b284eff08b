import { describe, expect, it } from 'vitest'
import { visible } from './visible'

describe('a long list', () => {
  it('is shown whole when it is short', () => {
    expect(visible(60, 50, 0, 500)).toEqual({ from: 0, to: 60, before: 0, after: 0 })
  })
  it.each([
    ['its beginning', 0, 0, 18],
    ['its middle', -5_000, 92, 118],
    ['its end', -2_000 * 50 + 500, 1982, 2000],
    ['nothing while it is far below', 9_000, 0, 0],
    ['nothing while it is far above', -2_000 * 50 - 9_000, 2000, 2000],
  ])('shows %s, with a few more', (_, top, from, to) => {
    const v = visible(2_000, 50, top, 500)
    expect([v.from, v.to]).toEqual([from, to])
    expect(v.before + v.after + (to - from) * 50).toBe(100_000)
  })
})

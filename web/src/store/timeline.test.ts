import { describe, expect, it } from 'vitest'
import type { Message, MessagePage } from '../protocol/types'
import type { Timeline } from './state'
import { append, emptyTimeline, extend, fromPage, most, prepend, rest, shrink, trim } from './timeline'

const message = (no: number, text = ''): Message => ({ room: 'r', no, id: `m${no}`, seq: no, from: 'joe', text, at: '2026-01-02T03:04:05Z' })
const run = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => message(from + i))
const page = (from: number, to: number, head: number): MessagePage => ({ messages: run(from, to), more_older: from > 1, more_newer: to < head })
const ends = (t: Timeline) => [t.messages[0]?.no, t.messages[t.messages.length - 1]?.no, t.moreOlder, t.moreNewer]

describe('a timeline', () => {
  it('takes what comes next, and refuses holes', () => {
    let t = append(emptyTimeline, message(1))
    t = append(t, message(2))
    expect(ends(t)).toEqual([1, 2, false, false])
    expect(ends(append(t, message(5)))).toEqual([1, 2, false, true])
  })
  it('takes a repeated message for the same one', () => {
    const t = append(append(emptyTimeline, message(1)), message(1, 'again'))
    expect(t.messages).toHaveLength(1)
    expect(t.messages[0]!.text).toBe('again')
  })
  it('drops the oldest only while one follows the end', () => {
    const full = fromPage(page(1, most, most), true)
    const moved = append(full, message(most + 1))
    expect(moved.messages.length).toBeLessThan(most)
    expect(moved.moreOlder).toBe(true)
    expect(moved.messages[moved.messages.length - 1]!.no).toBe(most + 1)
    expect(ends(append({ ...full, following: false }, message(most + 1)))).toEqual([1, most, false, true])
  })
  it('grows backwards and forwards, and is never longer than it may be', () => {
    let t = fromPage(page(901, 960, 1000), false)
    for (let i = 0; i < 10; i++) t = prepend(t, page(t.messages[0]!.no - 60, t.messages[0]!.no - 1, 1000))
    expect(ends(t)).toEqual([301, 600, true, true])
    for (let i = 0; i < 10; i++) {
      const from = t.messages[t.messages.length - 1]!.no + 1
      t = extend(t, page(from, Math.min(1000, from + 59), 1000), 1000)
    }
    expect(ends(t)).toEqual([701, 1000, true, false])
  })
  it('loses what is trimmed, and goes on after it', () => {
    const t = fromPage(page(3, 6, 6), true)
    expect(trim(t, 1)).toBe(t)
    expect(trim(t, 4)).toMatchObject({ messages: [{ no: 5 }, { no: 6 }], moreOlder: false })
    const none = trim(t, 6)
    expect(none).toMatchObject({ messages: [], moreOlder: false })
    expect(append(none, message(7), 6)).toMatchObject({ messages: [{ no: 7 }], moreNewer: false })
    expect(append(none, message(8), 6).moreNewer).toBe(true)
  })
  it('does not double what two pages share', () => {
    const t = prepend(fromPage(page(50, 60, 60), true), page(40, 55, 60))
    expect(t.messages.map((m) => m.no)).toEqual(run(40, 60).map((m) => m.no))
  })
  it('knows of a newer message that came while a page was on its way', () => {
    expect(extend(fromPage(page(1, 10, 10), true), page(11, 12, 12), 13).moreNewer).toBe(true)
  })
  it('keeps its end when nobody looks', () => {
    expect(ends(shrink(fromPage(page(1, 200, 200), true))!)).toEqual([200 - rest + 1, 200, true, false])
    expect(shrink(fromPage(page(1, 100, 200), false))).toBeUndefined()
  })
})

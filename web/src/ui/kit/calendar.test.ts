import { describe, expect, it } from 'vitest'
import { addDays, addMonths, firstWeekday, isoDay, parseDay, weeksOf, within } from './calendar'

const day = (text: string) => parseDay(text)!

describe('days', () => {
  it('are counted over months, years, and hours that a clock skips', () => {
    expect(isoDay(addDays(day('2026-12-31'), 1))).toBe('2027-01-01')
    for (let d = day('2025-12-31'), i = 0; i < 800; i++, d = addDays(d, 1)) expect([d.getHours(), isoDay(addDays(addDays(d, 1), -1))]).toEqual([0, isoDay(d)])
  })
  it('stay in a shorter month', () => {
    expect(isoDay(addMonths(day('2026-01-31'), 1))).toBe('2026-02-28')
    expect(isoDay(addMonths(day('2024-01-31'), 1))).toBe('2024-02-29')
    expect(isoDay(addMonths(day('2026-03-31'), -13))).toBe('2025-02-28')
  })
  it.each(['2026-02-30', '26-01-01', '2026-1-1', 'today', '2026-13-01', ''])('%j is none', (text) => expect(parseDay(text)).toBeNull())
  it('are kept within bounds', () => {
    expect(isoDay(within(day('2026-01-01'), day('2026-02-01'), day('2026-03-01')))).toBe('2026-02-01')
    expect(isoDay(within(day('2027-01-01'), day('2026-02-01'), day('2026-03-01')))).toBe('2026-03-01')
  })
})

describe('the weeks of a month', () => {
  it('begin with the day that they begin with there, and hold the month whole', () => {
    for (let m = day('2024-01-01'), i = 0; i < 40; i++, m = addMonths(m, 1)) {
      for (const first of [0, 1, 6]) {
        const weeks = weeksOf(addDays(m, 14), first)
        const days = weeks.flat().filter((d) => d.getMonth() === m.getMonth())
        expect(days.length).toBe(new Date(m.getFullYear(), m.getMonth() + 1, 0).getDate())
        for (const w of weeks) expect([w.length, w[0]!.getDay()]).toEqual([7, first])
      }
    }
  })
  it('follow the language', () => {
    expect([firstWeekday('en-US') % 7, firstWeekday('de-DE')]).toEqual([0, 1])
  })
})

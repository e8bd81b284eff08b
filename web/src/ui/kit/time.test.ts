import { describe, expect, it } from 'vitest'
import { deviceName } from '../settings/Sessions'
import { ago, countdown, dayName, dayOf, momentName, playTime, shortTime, span } from './time'

const local = (y: number, m: number, d: number, h = 12) => new Date(y, m - 1, d, h)
const now = local(2026, 3, 30).getTime()
const iso = (d: Date) => d.toISOString()

describe('days', () => {
  it('follow the local midnight, also where the clocks change', () => {
    for (let day = 1; day < 366; day++) expect(dayOf(local(2026, 1, day + 1, 0)) - dayOf(local(2026, 1, day, 23))).toBe(1)
  })
  it('have names as people say them', () => {
    expect(dayName(iso(local(2026, 3, 30, 0)), now)).toBe('Today')
    expect(dayName(iso(local(2026, 3, 29, 23)), now)).toBe('Yesterday')
    expect(dayName(iso(local(2026, 3, 24)), now)).toBe('Tuesday')
    expect(dayName(iso(local(2026, 3, 23)), now)).toMatch(/Monday.*March 23/)
    expect(dayName(iso(local(2025, 12, 31)), now)).toMatch(/2025/)
  })
  it('are short in the list', () => {
    expect(shortTime(iso(local(2026, 3, 30, 9)), now)).toMatch(/^0?9:00/)
    expect(shortTime(iso(local(2026, 3, 29)), now)).toBe('Yesterday')
    expect(shortTime(iso(local(2026, 3, 26)), now)).toBe('Thu')
    expect(shortTime(iso(local(2025, 3, 26)), now)).toMatch(/25$/)
    expect(shortTime(iso(local(2026, 3, 31)), now)).toMatch(/:00/) // a clock that is ahead
  })
})

describe('how long ago', () => {
  it.each([
    [0, 'just now'],
    [5 * 60, 'just now'],
    [20 * 60, '20 minutes ago'],
    [70 * 60, '1 hour ago'],
    [5 * 3600, '5 hours ago'],
    [72 * 3600, '3 days ago'],
  ])('%i s is %s', (s, want) => expect(ago(new Date(now - s * 1000).toISOString(), now)).toBe(want))
})

describe('a device', () => {
  it.each([
    ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36', 'Chrome on Linux'],
    ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/150.0 Safari/537.36 Edg/150.0', 'Edge on Windows'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 15.7; rv:150.0) Gecko/20100101 Firefox/150.0', 'Firefox on macOS'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Mobile Safari/604', 'Safari on iOS'],
    ['Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/150.0 Mobile Safari/537.36', 'Chrome on Android'],
    ['curl/8.5.0', 'curl'],
    [undefined, 'Unknown device'],
  ])('%s is %s', (agent, want) => expect(deviceName(agent)).toBe(want))
})

describe('times to come', () => {
  it('are named by the clock, and by their day if it is another one', () => {
    expect(momentName(iso(local(2026, 3, 30, 17)), now)).toBe('5:00 PM')
    expect(momentName(iso(local(2026, 3, 31, 17)), now)).toBe('tomorrow at 5:00 PM')
    expect(momentName(iso(local(2026, 4, 9, 17)), now)).toBe('Thursday, April 9, 5:00 PM')
    expect(momentName(iso(local(2027, 4, 9, 17)), now)).toBe('April 9, 2027, 5:00 PM')
  })
  it.each([
    [5, '5 seconds'],
    [60, '1 minute'],
    [90, '90 seconds'],
    [6 * 3600, '6 hours'],
    [30 * 86_400, '30 days'],
  ])('that last %i s are %s', (seconds, want) => expect(span(seconds)).toBe(want))
  it.each([
    [-5, '0:00'],
    [8_001, '0:09'],
    [270_000, '4:30'],
    [3_723_000, '1:02:03'],
  ])('of %i ms count down as %s', (ms, want) => expect(countdown(ms)).toBe(want))
  it.each([
    [0, '0:00'],
    [1.02, '0:01'],
    [1.99, '0:01'],
    [61, '1:01'],
    [3_723.5, '1:02:03'],
  ])('of %d s in a recording are shown as %s', (s, want) => expect(playTime(s)).toBe(want))
})

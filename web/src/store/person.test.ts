import { describe, expect, it } from 'vitest'
import { before, endOf, fromField, pictureURL, shutOut, statusOf, toField } from './person'

const now = new Date(2026, 10, 21, 23, 30, 15).getTime() // late in the evening, by this device's clock
const iso = (ms: number) => new Date(ms).toISOString()

describe('a status', () => {
  it.each([
    ['none', undefined, false],
    ['that says nothing', {}, false],
    ['of an emoji', { emoji: '🌴' }, true],
    ['of a text', { text: 'away' }, true],
    ['that lasts', { text: 'away', until: iso(now + 1) }, true],
    ['that is over', { text: 'away', until: iso(now) }, false],
  ])('%s', (_, status, shown) => expect(statusOf({ status }, now)).toBe(shown ? status : undefined))
  it('of nobody is none', () => expect(statusOf(undefined, now)).toBeUndefined())
})

it.each([
  ['is in', {}, false],
  ['is shut out', { disabled: true }, true],
  ['is shut out for a while', { disabled: true, disabled_until: iso(now + 1) }, true],
  ['was shut out', { disabled: true, disabled_until: iso(now) }, false],
])('who %s', (_, user, out) => expect(shutOut(user, now)).toBe(out))

describe('a span', () => {
  it.each([
    ['30m', new Date(2026, 10, 22, 0, 0, 15)],
    ['1h', new Date(2026, 10, 22, 0, 30, 15)],
    ['4h', new Date(2026, 10, 22, 3, 30, 15)],
    ['today', new Date(2026, 10, 22)],
    ['tomorrow', new Date(2026, 10, 22, 9)],
  ] as const)('%s', (span, end) => expect(endOf(span, now)).toEqual(end))
  it('goes over the end of a year', () => expect(endOf('tomorrow', new Date(2026, 11, 31, 12).getTime())).toEqual(new Date(2027, 0, 1, 9)))
})

it('a moment to come', () => {
  expect([before(undefined, now), before(iso(now), now), before(iso(now + 1), now), before('nonsense', now)]).toEqual([false, false, true, false])
})

describe('a field for a moment', () => {
  it('has it to the minute', () => expect(toField(new Date(2026, 0, 2, 3, 4, 5))).toBe('2026-01-02T03:04'))
  it.each([
    ['', null],
    ['nonsense', null],
    ['2026-11-21T23:30', null],
    ['2026-11-21T23:31', new Date(2026, 10, 21, 23, 31)],
  ])('%j', (value, want) => expect(fromField(value, now)).toEqual(want))
})

it('the address of a picture changes with it', () => expect(pictureURL('u/1', 'p&2')).toBe('/api/v1/users/u%2F1/picture?v=p%262'))

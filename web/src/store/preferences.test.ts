import { describe, expect, it } from 'vitest'
import { inQuietHours, type QuietHours, readKeywords, readPreferences } from './preferences'

describe('quiet hours', () => {
  // 2026-03-02 is a Monday.
  const at = (day: number, hour: number, minute = 0) => new Date(2026, 2, day, hour, minute)
  const nights: QuietHours = { days: [1, 2, 3, 4, 5], from: '22:00', to: '07:30' }
  const lunch: QuietHours = { days: [1], from: '12:00', to: '13:00' }
  const sundays: QuietHours = { days: [0], from: '00:00', to: '00:00' }
  it.each([
    ['before a night', nights, at(2, 21, 59), false],
    ['at its beginning', nights, at(2, 22), true],
    ['the morning after', nights, at(3, 7, 29), true],
    ['at its end', nights, at(3, 7, 30), false],
    ['the night to Saturday', nights, at(7, 3), true],
    ['the night to Sunday', nights, at(8, 3), false],
    ['Sunday evening', nights, at(8, 23), false],
    ['a break', lunch, at(2, 12, 30), true],
    ['its end', lunch, at(2, 13), false],
    ['another day', lunch, at(3, 12, 30), false],
    ['a whole day', sundays, at(8, 15), true],
    ['the day after it', sundays, at(9, 0), false],
    ['none', null, at(2, 3), false],
  ])('%s', (_, quiet, when, want) => expect(inQuietHours(quiet, when)).toBe(want))
})

describe('settings that are kept', () => {
  it('are what they say', () => {
    const v = { clock: '24', links: false, nameToo: true, keywords: ['deploy'], quiet: { days: [1], from: '22:00', to: '07:00', zone: 'Europe/Paris' }, hideContent: true }
    expect(readPreferences(v)).toEqual(v)
  })
  it.each([
    ['nothing', {}],
    ['what another client may have written', { clock: 'noon', nameToo: 'yes', keywords: 'deploy', quiet: 'always' }],
    ['times that are none', { quiet: { days: [1], from: '24:00', to: '7:00' } }],
    ['no days', { quiet: { days: 'all', from: '22:00', to: '07:00' } }],
  ])('are the usual ones with %s', (_, v) => expect(readPreferences(v)).toEqual({ clock: 'system', links: true, nameToo: false, keywords: [], quiet: null, hideContent: false }))
  it('drop what is none', () => {
    expect(readPreferences({ keywords: ['a', 1, ' ', null], quiet: { days: [0, 7, '1', 6], from: '00:00', to: '01:00', zone: 1 } })).toMatchObject({ keywords: ['a'], quiet: { days: [0, 6] } })
  })
})

it('reads keywords as people write them', () => {
  expect(readKeywords(' deploy, on  call;Deploy、障害，,\n')).toEqual(['deploy', 'on call', '障害'])
  expect(readKeywords('')).toEqual([])
  expect(readKeywords(Array.from({ length: 80 }, (_, i) => `w${i}`).join()).length).toBe(50)
})

import { describe, expect, it } from 'vitest'
import type { Item } from '../outbox/outbox'
import type { RoomView, User } from '../protocol/types'
import { barOf, homeOf, slowUntil } from './gate'

const now = Date.parse('2026-01-02T03:04:05Z')
const at = (seconds: number) => new Date(now + seconds * 1000).toISOString()
const room = (more: Partial<RoomView> = {}): RoomView => ({
  id: 'r', kind: 'public', created_at: at(-999), position: { epoch: 'e', seq: 1 }, head_no: 0, read_no: 0, unread: 0, role: 'member', joined_at: at(-999), members: 2, ...more,
})

describe('what keeps one from writing', () => {
  it('is a mute until it is over, by the clock of the server', () => {
    const mute = { until: at(60), reason: 'noise', by: 'joe' }
    expect(barOf(room({ mute }), now, 0)).toEqual({ kind: 'muted', mute })
    expect(barOf(room({ mute }), now + 60_000, 0)).toEqual({ kind: 'open' })
    expect(barOf(room({ mute }), now + 60_000, 5_000).kind).toBe('muted') // this device is 5 s ahead
    expect(barOf(room({ mute }), now + 55_000, -5_000).kind).toBe('open')
  })
  it('is first of all that nobody writes', () => {
    expect(barOf(room({ archived: true, mute: { until: at(60) } }), now, 0)).toEqual({ kind: 'archived' })
    expect(barOf(room(), now, 0)).toEqual({ kind: 'open' })
  })
  it('holds in threads as in their room', () => {
    const home = room({ archived: true })
    const thread = room({ id: 't', kind: 'thread', parent: 'r', root: 1 })
    expect(homeOf({ rooms: { r: home, t: thread } }, thread)).toBe(home)
    expect(homeOf({ rooms: { t: thread } }, thread)).toBe(thread)
  })
})

describe('a slow room', () => {
  const user = (role: User['role']): User => ({ id: 'mary', name: 'Mary', role, created_at: at(-999) })
  const mary = user('member')
  const slow = room({ slow: 30 })
  const item = (more: Partial<Item>): Item => ({ client_id: 'c', room: 'r', text: 'a', at: now, state: 'pending', tried: true, ...more })
  it('holds one back after a message', () => {
    expect(slowUntil(mary, slow, [], undefined, now, 0)).toBe(0)
    expect(slowUntil(mary, slow, [], at(-10), now, 0)).toBe(now + 20_000)
    expect(slowUntil(mary, slow, [], at(-30), now, 0)).toBe(0)
  })
  it('goes by the clock of the server, and never holds for longer than it says', () => {
    expect(slowUntil(mary, slow, [], at(-10), now, 4_000)).toBe(now + 24_000)
    expect(slowUntil(mary, slow, [], at(500), now, 0)).toBe(now + 30_000)
  })
  it('counts from a message that waits, not from one that has not been tried', () => {
    expect(slowUntil(mary, slow, [item({ waits: now + 7_000 })], at(-10), now, 0)).toBe(now + 37_000)
    expect(slowUntil(mary, slow, [item({})], undefined, now, 0)).toBe(now + 30_000)
    expect(slowUntil(mary, slow, [item({ tried: false })], undefined, now, 0)).toBe(0)
    expect(slowUntil(mary, slow, [item({ room: 'other' })], undefined, now, 0)).toBe(0)
    expect(slowUntil(mary, slow, [item({ state: 'failed' })], undefined, now, 0)).toBe(0)
  })
  it('is not slow for moderators, in threads, or when it is off', () => {
    for (const [me, view] of [
      [mary, room({ slow: 30, role: 'moderator' })],
      [user('admin'), slow],
      [user('owner'), slow],
      [mary, room({ slow: 30, kind: 'thread' })],
      [mary, room()],
    ] as const) {
      expect(slowUntil(me, view, [], at(-1), now, 0)).toBe(0)
    }
    expect(slowUntil(user('admin'), room({ slow: 30, kind: 'private' }), [], at(-1), now, 0)).toBe(now + 29_000)
  })
})

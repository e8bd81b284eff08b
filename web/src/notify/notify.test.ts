// @vitest-environment happy-dom

// What is notified is held to the same cases as the server's rule.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Event, Message, RoomView } from '../protocol/types'
import type { State } from '../store/state'
import { useDocuments } from '../store/documents'
import { mentions, noticeOf } from './notify'

interface Cases {
  names: { text: string; name: string; has: boolean }[]
  now: string
  me: string
  rooms: Partial<RoomView>[]
  read_no: number
  message: Partial<Message>
  cases: { what: string; settings?: Record<string, unknown>; quiet_until?: string; message: Partial<Message>; reason: string }[]
}
const given = JSON.parse(readFileSync(join(import.meta.dirname, '../../../internal/chat/testdata/notify.json'), 'utf8')) as Cases

const at = given.now
const now = Date.parse(at)
const user = (id: string, name: string) => ({ id, name, role: 'member', created_at: at })
const view = (r: Partial<RoomView>): RoomView =>
  ({ name: r.id, created_at: at, position: { epoch: 'e', seq: 1 }, head_no: 9, read_no: given.read_no, unread: 5, role: 'member', joined_at: at, members: 2, ...r }) as RoomView
const state = {
  me: user(given.me, 'Mary'),
  rooms: Object.fromEntries(given.rooms.map((r) => [r.id, view(r)])),
  people: { joe: user('joe', 'Joe'), ann: user('ann', 'Ann') },
} as unknown as State
const event = (more: Partial<Message>, kind = 'message.created'): Event =>
  ({ stream: 's', epoch: 'e', seq: 1, id: 'i', kind, at, message: { id: 'm', seq: 1, at, ...given.message, ...more } }) as Event
const settings = (to: Record<string, unknown>) => useDocuments.setState({ shown: { settings: to } })

beforeAll(() => void vi.stubEnv('TZ', 'UTC'))
afterAll(() => void vi.unstubAllEnvs())
afterEach(() => settings({}))

describe('a name', () => {
  it.each(given.names)('in $text, of $name: $has', ({ text, name, has }) => expect(mentions(text, name)).toBe(has))
})

describe('whether one is told', () => {
  it.each(given.cases)('of $what: $reason', ({ settings: to, quiet_until, message, reason }) => {
    settings(to ?? {})
    const told = noticeOf({ ...state, me: { ...state.me, ...(quiet_until ? { quiet_until } : {}) } }, event(message), now) !== null
    expect(told).toBe(['direct', 'all', 'mention', 'keyword'].includes(reason))
  })
})

describe('what is told', () => {
  it.each([
    ['a mention', event({}), { room: 'general', no: 5, title: 'Joe · general', body: 'for @Mary' }],
    ['a direct message', event({ room: 'direct', text: 'hi' }), { room: 'direct', no: 5, title: 'Joe', body: 'hi' }],
    ['a message to several', event({ room: 'group', text: 'hi' }), { room: 'group', no: 5, title: 'Joe · Ann and Joe', body: 'hi' }],
    ['nothing of unknown rooms', event({ room: 'x' }), null],
    ['nothing but messages', event({}, 'message.edited'), null],
  ])('%s', (_, e, want) => expect(noticeOf(state, e, now)).toEqual(want))
})

// @vitest-environment happy-dom
import { afterEach, describe, expect, it } from 'vitest'
import type { Event, Message, RoomView } from '../protocol/types'
import type { State } from '../store/state'
import { useDocuments } from '../store/documents'
import { mentions, noticeOf } from './notify'

describe('a name', () => {
  it.each([
    ['hi Mary!', 'Mary', true],
    ['@mary look', 'Mary', true],
    ['Rosemary grows', 'Mary', false],
    ['marys', 'Mary', false],
    ['ask Ann  Lee', 'Ann Lee', true],
    ['Привет, Оля.', 'оля', true],
    ['Zoë?', 'Zoë', true],
    ['a+b', 'a+b', true],
    ['anything', ' ', false],
  ])('in %j, of %s: %s', (text, name, want) => expect(mentions(text, name)).toBe(want))
})

describe('what is told', () => {
  const at = '2026-01-02T03:04:05Z'
  const now = Date.parse(at)
  const room = (id: string, kind: RoomView['kind'], more: Partial<RoomView> = {}): RoomView => ({
    id, kind, name: id, created_at: at, position: { epoch: 'e', seq: 1 }, head_no: 9, read_no: 4, unread: 5, role: 'member', joined_at: at, members: 2, ...more,
  })
  const state = {
    me: { id: 'mary', name: 'Mary', role: 'member', created_at: at },
    rooms: {
      general: room('general', 'public'), loud: room('loud', 'private', { notify: 'all' }), silent: room('silent', 'public', { notify: 'none' }),
      calls: room('calls', 'direct', { notify: 'mentions', people: ['joe', 'mary'] }), direct: room('direct', 'direct', { people: ['joe', 'mary'] }),
      group: room('group', 'direct', { people: ['ann', 'joe', 'mary'] }),
    },
    people: { joe: { id: 'joe', name: 'Joe', role: 'member', created_at: at }, ann: { id: 'ann', name: 'Ann', role: 'member', created_at: at } },
  } as unknown as State
  const event = (more: Partial<Message>, kind = 'message.created'): Event => ({
    stream: 's', epoch: 'e', seq: 1, id: 'i', kind, at, message: { room: 'general', no: 5, id: 'm', seq: 1, from: 'joe', text: 'for **@Mary**', mentions: ['mary'], at, ...more },
  })
  it.each([
    ['a mention', event({}), { room: 'general', no: 5, title: 'Joe · general', body: 'for @Mary' }],
    ['a direct message', event({ room: 'direct', text: 'hi' }), { room: 'direct', no: 5, title: 'Joe', body: 'hi' }],
    ['a message to several', event({ room: 'group', text: 'hi' }), { room: 'group', no: 5, title: 'Joe · Ann and Joe', body: 'hi' }],
    ['nothing of other talk', event({ text: 'for Ann', mentions: undefined }), null],
    ['nothing of one’s own', event({ from: 'mary' }), null],
    ['nothing that is read', event({ no: 4 }), null],
    ['nothing of unknown rooms', event({ room: 'x' }), null],
    ['nothing but messages', event({}, 'message.edited'), null],
    ['a call of everybody', event({ text: '@room', mentions: ['*'] }), { room: 'general', no: 5, title: 'Joe · general', body: '@room' }],
    ['all of a room that one wants all of', event({ room: 'loud', text: 'for Ann' }), { room: 'loud', no: 5, title: 'Joe · loud', body: 'for Ann' }],
    ['nothing of a silenced room', event({ room: 'silent' }), null],
    ['a mention in a direct room of mentions only', event({ room: 'calls' }), { room: 'calls', no: 5, title: 'Joe', body: 'for @Mary' }],
    ['nothing else there', event({ room: 'calls', text: 'hi', mentions: undefined }), null],
  ])('%s', (_, e, want) => expect(noticeOf(state, e, now)).toEqual(want))

  const settings = (to: object) => useDocuments.setState({ shown: { settings: to as Record<string, unknown> } })
  afterEach(() => settings({}))
  it('is a name without an @ only to those who want that', () => {
    const named = event({ text: 'I will ask Mary tomorrow', mentions: undefined })
    expect(noticeOf(state, named, now)).toBeNull()
    settings({ nameToo: true })
    expect(noticeOf(state, named, now)).not.toBeNull()
  })
  it('is a keyword, but of no silenced room', () => {
    const fire = event({ text: 'the build is **red** again', mentions: undefined })
    expect(noticeOf(state, fire, now)).toBeNull()
    settings({ keywords: ['on call', 'Red'] })
    expect(noticeOf(state, fire, now)).not.toBeNull()
    expect(noticeOf(state, event({ text: 'reduced', mentions: undefined }), now)).toBeNull()
    expect(noticeOf(state, event({ room: 'silent', text: 'red', mentions: undefined }), now)).toBeNull()
  })
  it('is nothing in quiet hours', () => {
    const hour = (n: number) => `${String((new Date(now).getHours() + n + 24) % 24).padStart(2, '0')}:00`
    const days = [0, 1, 2, 3, 4, 5, 6]
    settings({ quiet: { days, from: hour(0), to: hour(1) } })
    expect(noticeOf(state, event({}), now)).toBeNull()
    settings({ quiet: { days, from: hour(1), to: hour(2) } })
    expect(noticeOf(state, event({}), now)).not.toBeNull()
  })

  it('is nothing while one does not want to be disturbed', () => {
    const quiet = { ...state, me: { ...state.me, quiet_until: new Date(now + 1000).toISOString() } }
    expect(noticeOf(quiet, event({}), now)).toBeNull()
    expect(noticeOf(quiet, event({}), now + 1000)).not.toBeNull()
  })
})

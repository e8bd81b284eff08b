import { describe, expect, it } from 'vitest'
import type { Item } from '../../outbox/outbox'
import type { Message } from '../../protocol/types'
import type { Notice, Timeline } from '../../store/state'
import { buildRows } from './rows'

const at = (minutes: number) => new Date(new Date(2026, 0, 2, 12, 0).getTime() + minutes * 60_000).toISOString()
const message = (no: number, from: string, minutes: number, clientID?: string): Message => ({
  room: 'r', no, id: `m${no}`, seq: no, from, text: `text ${no}`, at: at(minutes), client_id: clientID,
})
const timeline = (messages: Message[], more: Partial<Timeline> = {}): Timeline => ({ messages, moreOlder: false, moreNewer: false, following: true, ...more })
const item = (id: string, minutes: number, more: Partial<Item> = {}): Item => ({
  client_id: id, room: 'r', text: id, at: Date.parse(at(minutes)), state: 'pending', tried: true, ...more,
})
const notice = (id: string, after: number, kind: Notice['kind'], user: string): Notice => ({ id, after, at: at(0), kind, user })
const shape = (input: Partial<Parameters<typeof buildRows>[0]>) =>
  buildRows({ timeline: timeline([]), notices: [], outbox: [], me: 'me', line: null, ...input }).map((r) => {
    if (r.kind === 'message') return `${r.grouped ? '+' : ''}${r.message.no}`
    if (r.kind === 'pending') return `${r.grouped ? '+' : ''}${r.item.client_id}`
    if (r.kind === 'notices') return `(${r.notices.map((n) => `${n.user} ${n.kind}`).join(', ')})`
    return r.kind
  })

describe('rows', () => {
  it('of an empty room are its beginning', () => expect(shape({})).toEqual(['start']))

  it('group one person within five minutes, and no further', () => {
    const t = timeline([message(1, 'a', 0), message(2, 'a', 4), message(3, 'a', 8.9), message(4, 'a', 14), message(5, 'b', 14), message(6, 'a', 14)])
    expect(shape({ timeline: t })).toEqual(['start', 'day', '1', '+2', '+3', '4', '5', '6'])
  })

  it('have a line over each day', () => {
    const t = timeline([message(1, 'a', 0), message(2, 'a', 24 * 60), message(3, 'a', 24 * 60 + 1)], { moreOlder: true })
    expect(shape({ timeline: t })).toEqual(['day', '1', 'day', '2', '+3'])
  })

  it('have the unread line before the first unread message, under the day, and it ends a group', () => {
    const t = timeline([message(1, 'a', 0), message(2, 'a', 1), message(3, 'a', 2)])
    expect(shape({ timeline: t, line: 1 })).toEqual(['start', 'day', '1', 'unread', '2', '+3'])
    expect(shape({ timeline: t, line: 0 })).toEqual(['start', 'day', 'unread', '1', '+2', '+3'])
    expect(shape({ timeline: t, line: 3 })).toEqual(['start', 'day', '1', '+2', '+3'])
  })

  it('have no unread line when it lies above this stretch', () => {
    const t = timeline([message(5, 'a', 0), message(6, 'a', 1)], { moreOlder: true })
    expect(shape({ timeline: t, line: 2 })).toEqual(['day', '5', '+6'])
  })

  it('end with what is on its way, in order, and never show it beside itself', () => {
    const t = timeline([message(1, 'me', 0, 'c1')])
    const outbox = [item('c1', 0), item('c2', 1, { state: 'sent', no: 2 }), item('c3', 2)]
    expect(shape({ timeline: t, outbox })).toEqual(['start', 'day', '1', '+c2', '+c3'])
    const later = timeline([message(1, 'me', 0, 'c1'), message(2, 'me', 1)])
    expect(shape({ timeline: later, outbox })).toEqual(['start', 'day', '1', '+2', '+c3'])
  })

  it('take another person’s client id for nothing of mine', () => {
    expect(shape({ timeline: timeline([message(1, 'b', 0, 'c1')]), outbox: [item('c1', 1)] })).toEqual(['start', 'day', '1', 'c1'])
  })

  it('show what is on its way only at the end of the room', () => {
    expect(shape({ timeline: timeline([message(1, 'b', 0)], { moreNewer: true }), outbox: [item('c1', 1)] })).toEqual(['start', 'day', '1'])
  })

  it('put notices after their message, several in one row', () => {
    const notices = [notice('a', 0, 'joined', 'x'), notice('b', 1, 'left', 'x'), notice('c', 1, 'joined', 'y')]
    const t = timeline([message(1, 'a', 0), message(2, 'a', 1)])
    expect(shape({ timeline: t, notices })).toEqual(['start', '(x joined)', 'day', '1', '(x left, y joined)', '2'])
  })

  it('leave out notices from before this stretch', () => {
    const t = timeline([message(5, 'a', 0)], { moreOlder: true })
    expect(shape({ timeline: t, notices: [notice('a', 2, 'joined', 'x'), notice('b', 5, 'left', 'x')] })).toEqual(['day', '5', '(x left)'])
  })
})

import { describe, expect, it } from 'vitest'
import type { Message, RoomView, ServerInfo } from '../protocol/types'
import type { State, Timeline } from '../store/state'
import { snapshot } from './snapshot'

const info = { id: 's', name: 'Parley' } as ServerInfo
const message = (room: string, no: number): Message => ({ room, no, id: `${room}${no}`, seq: no, from: 'joe', text: `${no}`, at: '2026-01-02T03:04:05Z' })
const run = (room: string, from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => message(room, from + i))
const timeline = (messages: Message[], more: Partial<Timeline> = {}): Timeline => ({ messages, moreOlder: false, moreNewer: false, following: true, ...more })
const room = (id: string, head_no: number, at: string, more: Partial<RoomView> = {}): RoomView => ({
  id, kind: 'public', name: id, created_at: at, position: { epoch: 'e', seq: head_no }, head_no, read_no: 0, unread: head_no, role: 'member', joined_at: at, members: 1, ...more,
})
const state = (rooms: RoomView[], timelines: Record<string, Timeline>, me = 'me'): State => ({
  me: { id: me, name: me, role: 'member', created_at: '' }, session: 's', limits: {} as State['limits'],
  rooms: Object.fromEntries(rooms.map((r) => [r.id, r])), userPosition: { epoch: 'e', seq: 1 }, serverPosition: null, people: {}, peopleNext: null, peopleSeq: {},
  online: { joe: true }, timelines, members: {}, notices: {}, typing: { a: { joe: 1 } }, changes: {}, stale: {}, dropped: {},
})

describe('what is kept to be read without a connection', () => {
  it('are the last messages of each room, and nothing that passes', () => {
    const kept = snapshot(info, state([room('a', 100, '2026-01-01')], { a: timeline(run('a', 1, 100)) }), null).chat
    expect(kept.timelines.a).toMatchObject({ moreOlder: true, moreNewer: false })
    expect(kept.timelines.a!.messages.map((m) => m.no)).toEqual(run('a', 61, 100).map((m) => m.no))
    expect([kept.online, kept.typing]).toEqual([{}, {}])
  })
  it('are the newest rooms only', () => {
    const rooms = Array.from({ length: 300 }, (_, i) => room(`r${i}`, 1, new Date(2026, 0, 1, 0, i).toISOString()))
    const kept = snapshot(info, state(rooms, Object.fromEntries(rooms.map((r) => [r.id, timeline(run(r.id, 1, 1))]))), null).chat
    expect([Object.keys(kept.rooms).length, Object.keys(kept.timelines).length]).toEqual([100, 30])
    expect(kept.rooms.r299).toBeDefined()
  })
  it('keeps what was read on an earlier visit, and says when there is more', () => {
    const first = snapshot(info, state([room('a', 5, '2026-01-01')], { a: timeline(run('a', 1, 5)) }), null)
    const second = snapshot(info, state([room('a', 7, '2026-01-01')], {}), first)
    expect(second.chat.timelines.a).toMatchObject({ moreNewer: true })
    expect(second.chat.timelines.a!.messages).toHaveLength(5)
  })
  it('keeps nothing that was deleted, of rooms that one left, or of another person', () => {
    const first = snapshot(info, state([room('a', 5, '2026-01-01'), room('b', 1, '2026-01-01')], { a: timeline(run('a', 1, 5)), b: timeline(run('b', 1, 1)) }), null)
    const second = snapshot(info, state([room('a', 5, '2026-01-01', { trimmed: 3 })], {}), first)
    expect(second.chat.timelines.a!.messages.map((m) => m.no)).toEqual([4, 5])
    expect(second.chat.timelines.b).toBeUndefined()
    expect(snapshot(info, state([room('a', 5, '2026-01-01')], {}, 'other'), first).chat.timelines).toEqual({})
    expect(snapshot({ ...info, id: 'other' }, state([room('a', 5, '2026-01-01')], {}), first).chat.timelines).toEqual({})
  })
  it.each([
    ['another history', { epoch: 'f', seq: 9 }],
    ['a backup', { epoch: 'e', seq: 4 }],
    ['a backup that went on as far', { epoch: 'e', seq: 5, id: 'other' }],
  ])('mixes nothing with %s', (_, position) => {
    const first = snapshot(info, state([room('a', 5, '2026-01-01')], { a: timeline(run('a', 1, 5)) }), null)
    const second = snapshot(info, state([room('a', position.seq, '2026-01-01', { position })], {}), first)
    expect(second.chat.timelines).toEqual({})
  })
})

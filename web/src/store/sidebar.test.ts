import { describe, expect, it, vi } from 'vitest'
import type { RoomView } from '../protocol/types'
import { type Layout, mayPlace, sections } from './sidebar'
import type { State } from './state'

vi.mock('./actions', () => ({ changeDocument: () => {} }))

const room = (id: string, more: Partial<RoomView> = {}) =>
  ({ id, name: id, kind: 'public', unread: 0, joined_at: '2026-01-01T00:00:00Z', role: 'member', ...more }) as RoomView

const state = (...rooms: RoomView[]) => ({ me: { id: 'me' }, people: {}, rooms: Object.fromEntries(rooms.map((r) => [r.id, r])) }) as unknown as State

const shown = (s: State, layout: Partial<Layout> = {}, open: string | null = null, held: string | null = null) =>
  Object.fromEntries(sections(s, layout, open, held).map((x) => [x.id, x.rooms]))

describe('the list of rooms', () => {
  const late = { last: { at: '2026-02-02T00:00:00Z' } } as Partial<RoomView>
  it('sorts rooms by name and direct ones by activity', () => {
    const s = state(room('b', late), room('a'), room('d1', { kind: 'direct' }), room('d2', { kind: 'direct', ...late }))
    expect(shown(s)).toEqual({ rooms: ['a', 'b'], directs: ['d2', 'd1'] })
    expect(shown(s, { order: { rooms: 'activity' } })).toMatchObject({ rooms: ['b', 'a'] })
    expect(shown(s, { order: { rooms: 'own' }, sorted: { rooms: ['b'] } })).toMatchObject({ rooms: ['b', 'a'] })
  })
  it('has what is unread first, but for the open room, which stays where it was', () => {
    const s = state(room('a', { unread: 2 }), room('b', { unread: 1 }), room('c'))
    expect(shown(s)).toEqual({ unread: ['b', 'a'].sort(), rooms: ['c'] })
    expect(shown(s, {}, 'b')).toEqual({ unread: ['a'], rooms: ['b', 'c'] })
    expect(shown(s, {}, 'c', 'c')).toEqual({ unread: ['a', 'b', 'c'] })
    expect(shown(s, { unreadFirst: false })).toEqual({ rooms: ['a', 'b', 'c'] })
  })
  it('has favourites and sections of one’s own; what was placed in one that is gone is where it usually is', () => {
    const s = state(room('a'), room('b'), room('c'), room('d', { kind: 'direct' }))
    const layout = { sections: [{ id: 's1', name: 'Work' }], placed: { a: 's1', b: 'gone', d: 'favourites' } }
    expect(shown(s, layout)).toEqual({ favourites: ['d'], s1: ['a'], rooms: ['b', 'c'] })
  })
  it('has archived rooms apart, folded away unless one unfolds them', () => {
    const s = state(room('a'), room('b', { archived: true, unread: 1 }))
    expect(shown(s)).toEqual({ rooms: ['a'], archived: ['b'] })
    expect(sections(s, {}, null, null)[1]?.folded).toBe(true)
    expect(sections(s, { folded: { archived: false } }, null, null)[1]?.folded).toBe(false)
  })
  it('lets a direct room be no room', () => {
    expect(mayPlace(room('d', { kind: 'direct' }), 'rooms')).toBe(false)
    expect(mayPlace(room('d', { kind: 'direct' }), 'favourites')).toBe(true)
    expect(mayPlace(room('a'), 'unread')).toBe(false)
  })
})

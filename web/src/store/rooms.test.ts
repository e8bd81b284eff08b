import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { RoomView } from '../protocol/types'
import { derive, derived, deriveNext } from './rooms'
import { type Layout, sections } from './sidebar'
import type { State } from './state'

vi.mock('./actions', () => ({ changeDocument: () => {} }))

/** Numbers from 0 up to n, always the same ones. */
function dice(seed: number) {
  return (n: number) => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31
    return Math.floor((seed / 2 ** 31) * n)
  }
}

const room = (id: string, more: Partial<RoomView> = {}): RoomView =>
  ({ id, name: id, kind: 'public', unread: 0, head_no: 0, joined_at: '2026-01-01T00:00:00Z', role: 'member', ...more }) as RoomView

const people = {}
const state = (rooms: Record<string, RoomView>) => ({ me: { id: 'me' }, people, rooms }) as unknown as State

/** One change of the rooms, as events make it. */
function step(rooms: Record<string, RoomView>, roll: (n: number) => number, i: number): Record<string, RoomView> {
  const ids = Object.keys(rooms)
  const id = ids[roll(ids.length)]!
  const view = rooms[id]!
  const at = new Date(Date.UTC(2026, 1, 1) + i * 1000).toISOString()
  switch (ids.length < 3 ? 1 : roll(12)) {
    case 0: {
      const { [id]: _, ...rest } = rooms
      return rest
    }
    case 1:
      return { ...rooms, [`n${i}`]: room(`n${i}`, [{}, { kind: 'direct', people: ['me', `p${i}`] }, { kind: 'thread', parent: id, root: i }][roll(3)] as Partial<RoomView>) }
    case 2:
      return { ...rooms, [id]: { ...view, notify: (['all', 'none', undefined] as const)[roll(3)] } }
    case 3:
      return { ...rooms, [id]: { ...view, unread: 0, mentions: undefined } }
    case 4:
      return { ...rooms, [id]: { ...view, name: `x${roll(50)}`, archived: roll(4) === 0 } }
    default:
      return { ...rooms, [id]: { ...view, head_no: view.head_no + 1, unread: view.unread + 1, mentions: roll(4) === 0 ? [view.head_no + 1] : view.mentions, last: { at } as RoomView['last'] } }
  }
}

describe('what is derived from all rooms', () => {
  const start = Object.fromEntries(['a', 'b', 'c', 'd'].map((id) => [id, room(id)]))

  it('is the same made room by room as made anew, whatever happens', () => {
    const roll = dice(7)
    let rooms: Record<string, RoomView> = start
    let kept = derive(rooms)
    for (let i = 0; i < 1_000; i++) {
      const next = step(rooms, roll, i)
      kept = deriveNext(kept, rooms, next)
      rooms = next
      const { counts, unread, ...fresh } = derive(rooms)
      expect(kept).toMatchObject(fresh)
      expect([new Map(kept.counts), new Set(kept.unread)]).toEqual([counts, unread])
    }
  })

  it('puts the list into the order that it would have made anew, whatever happens', () => {
    const roll = dice(11)
    const layout: Partial<Layout> = { sections: [{ id: 's', name: 'Own' }], placed: { a: 's', b: 'favourites' }, order: { rooms: 'activity' } }
    let rooms: Record<string, RoomView> = start
    for (let i = 0; i < 1_000; i++) {
      rooms = step(rooms, roll, i)
      const kept = sections(state(rooms), layout, 'a', null)
      const fresh = structuredClone(kept)
      sections(state({}), {}, null, null) // so that nothing is kept
      expect(sections(state(rooms), layout, 'a', null)).toEqual(fresh)
    }
  })

  describe('stays the same', () => {
    beforeEach(() => void derived({ rooms: start }))
    it('while a message changes one room that is read at once', () => {
      const was = derived({ rooms: start })
      const rooms = { ...start, a: { ...start.a!, head_no: 1, last: { at: '2026-03-03T00:00:00Z' } as RoomView['last'] } }
      const now = derived({ rooms })
      for (const key of Object.keys(was) as (keyof typeof was)[]) expect(now[key], key).toBe(was[key])
    })
    it('in the list where its order does', () => {
      const layout = {}
      const s = state(start)
      const list = sections(s, layout, 'a', null)
      const rooms: Record<string, RoomView> = { ...start, a: { ...start.a!, head_no: 1, last: { at: '2026-03-03T00:00:00Z' } as RoomView['last'] } }
      expect(sections({ ...s, rooms }, layout, 'a', null)).toBe(list)
      const news = { ...rooms, b: { ...start.b!, head_no: 1, unread: 1 } }
      expect(sections({ ...s, rooms: news }, layout, 'a', null).map((x) => [x.id, ...x.rooms])).toEqual([['unread', 'b'], ['rooms', 'a', 'c', 'd']])
    })
  })
})

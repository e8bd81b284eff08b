import { beforeEach, describe, expect, it } from 'vitest'
import { Fake } from './fake'
import { begin, takePeople } from './reduce'
import type { State } from './state'
import { toWatch, Watch } from './watch'

const state = (): State => {
  const f = new Fake()
  for (const id of ['mary', 'joe', 'alex', 'zoe']) f.addUser(id)
  return takePeople(begin(f.sync('mary')), f.people())
}
const many = (n: number, letter: string) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`${letter}${i}`, {}]))

describe('those who are watched', () => {
  it('are oneself and all who are known', () => expect(toWatch(state(), null).sort()).toEqual(['alex', 'joe', 'mary', 'zoe']))
  it('are on a large server those whom one sees', () => {
    const s = { ...state(), people: many(501, 'p'), members: { general: many(300, 'm') } } as unknown as State
    expect(toWatch(s, 'general')).toHaveLength(1 + 100)
    expect(toWatch(s, null)).toEqual(['mary'])
    const direct = { ...s.rooms.general!, id: 'd', kind: 'direct' as const, people: ['mary', 'p7'] }
    expect(toWatch({ ...s, rooms: { ...s.rooms, d: direct } }, null)).toEqual(['mary', 'p7'])
  })
  it('are nobody for guests', () => {
    const s = state()
    expect(toWatch({ ...s, me: { ...s.me, role: 'guest' } }, null)).toEqual([])
  })
})

describe('a page', () => {
  let asked: { users: string[]; answer: (online: string[]) => void; fail: () => void }[]
  let online: Record<string, boolean>
  let timers: (() => void)[]
  let watch: Watch
  const settled = () => new Promise((r) => setTimeout(r))
  beforeEach(() => {
    asked = []
    timers = []
    online = {}
    watch = new Watch({
      ask: (users) => new Promise((answer, reject) => void asked.push({ users, answer, fail: () => reject(new Error('gone')) })),
      onAnswer: (all) => (online = all),
      after: (_, f) => void timers.push(f),
    })
  })

  it('asks once it has synced, and again when it shows others', async () => {
    const s = state()
    watch.show(s, null)
    expect(asked).toHaveLength(0)
    watch.begin()
    asked[0]!.answer(['joe'])
    await settled()
    expect(online).toEqual({ alex: false, joe: true, mary: false, zoe: false })
    watch.show({ ...s, typing: {} }, null)
    expect(timers).toHaveLength(0)
    const more = { ...s, people: { ...s.people, eve: s.people.joe! } }
    watch.show(more, null)
    timers[0]!()
    expect(asked[1]!.users).toContain('eve')
    asked[1]!.answer([])
    await settled()
    expect(asked).toHaveLength(2)
  })
  it('asks again after each sync, also while an answer is due', async () => {
    watch.show(state(), null)
    watch.begin()
    watch.begin()
    asked[0]!.fail()
    await settled()
    expect(asked).toHaveLength(2)
    asked[1]!.fail()
    await settled()
    expect(asked).toHaveLength(2)
    watch.begin()
    expect(asked).toHaveLength(3)
  })
})

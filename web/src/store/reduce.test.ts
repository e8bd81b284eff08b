import { describe, expect, it } from 'vitest'
import { roomStream, serverStream, userStream } from '../protocol/position'
import { type Event, everyone, type Position, type User } from '../protocol/types'
import { Fake } from './fake'
import { applyEvent, applyResync, applySignal, applySync, begin, forgetTyping, moveRead, positions, takeFound, takeMembers, takeMorePeople, takePeople } from './reduce'
import { adopt, distrust, setView, takePage } from './room'
import type { State } from './state'

const me = 'mary'

function fake(): Fake {
  const f = new Fake()
  for (const id of [me, 'joe', 'alex']) f.addUser(id)
  f.createRoom('general', 'joe')
  f.join('general', me, me)
  return f
}

/** What the person holds of the server's truth; what is only of this page stays out. */
function truth(s: State) {
  return { me: s.me, rooms: s.rooms, people: s.people, userPosition: s.userPosition, serverPosition: s.serverPosition }
}

function fresh(f: Fake): State {
  return takePeople(begin(f.sync(me)), f.people())
}

/** Gives a state every event that it has not seen, stream by stream. */
function deliver(f: Fake, state: State, seen: Record<string, Position>): State {
  let s = state
  const streams = [serverStream, userStream(me), ...[...f.rooms.keys()].map(roomStream)]
  for (const stream of streams) {
    for (const e of f.after(stream, seen[stream] ?? { epoch: f.epoch, seq: 0 })) {
      const step = applyEvent(s, e)
      if (step.then !== 'nothing') s = resume(f, step.state)
      else s = step.state
    }
    seen[stream] = f.position(stream)
  }
  return s
}

/** A reconnect: sync with the positions, then what was missed. */
function resume(f: Fake, state: State): State {
  const gave = positions(state)
  let s = applySync(state, f.sync(me, gave), gave)
  for (const [stream, p] of Object.entries(gave)) {
    for (const e of f.after(stream, p)) {
      const step = applyEvent(s, e)
      s = step.then === 'nothing' ? step.state : resume(f, step.state)
    }
  }
  return s
}

/** A repeatable source of chance. */
function chance(seed: number) {
  let a = seed
  return (n: number) => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % n
  }
}

function anything(f: Fake, pick: (n: number) => number): void {
  const rooms = [...f.rooms.keys()]
  const room = rooms[pick(rooms.length)]!
  const users = [...f.users.keys()]
  const user = users[pick(users.length)]!
  const inside = f.rooms.get(room)!.members
  const no = 1 + pick(Math.max(1, f.rooms.get(room)!.messages.length))
  const there = no <= f.rooms.get(room)!.messages.length
  const called = [undefined, [me], [everyone], ['joe']][pick(4)]
  switch (pick(17)) {
    case 0:
    case 1:
    case 2:
      if (inside.has(user)) f.send(room, user, `text ${pick(1000)}`, undefined, called)
      break
    case 3:
      f.join(room, user, user)
      break
    case 4:
      if (room !== 'general') f.leave(room, user, user)
      break
    case 5:
      if (inside.has(user)) f.promote(room, user, pick(2) ? 'moderator' : 'member')
      break
    case 6:
      f.rename(room, { topic: `topic ${pick(1000)}` })
      break
    case 7:
      if (inside.has(user)) f.read(room, user, pick(f.rooms.get(room)!.messages.length + 1))
      break
    case 8:
      if (f.rooms.size < 6) f.createRoom(`r${f.rooms.size}`, user)
      else f.changeUser(user, { role: pick(2) ? 'admin' : 'member' })
      break
    case 9:
      if (there) f.edit(room, no, `other ${pick(1000)}`, called)
      break
    case 10:
      if (there) f.remove(room, no)
      break
    case 11:
    case 12:
      if (there) f.react(room, no, pick(2) ? '👍' : '🎉', user, pick(3) > 0)
      break
    case 13:
      if (inside.has(user)) f.mute(room, user, 'joe', pick(2) ? '2026-01-02T09:00:00Z' : undefined)
      break
    case 14:
      f.rename(room, pick(2) ? { archived: pick(2) === 1 } : { slow: pick(3) * 30 })
      break
    case 15:
      if (inside.has(user)) f.level(room, user, (['', 'all', 'mentions', 'none'] as const)[pick(4)]!)
      break
    case 16:
      f.changeUser(user, pick(2) ? { status: pick(2) ? { emoji: '🌴', text: `away ${pick(9)}` } : undefined } : { picture: pick(2) ? `p${pick(9)}` : undefined, quiet_until: '2026-01-02T09:00:00Z' })
  }
}

describe('state and events', () => {
  it('show what a fresh fetch shows, whatever happens', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const pick = chance(seed)
      const f = fake()
      let s = fresh(f)
      const seen: Record<string, Position> = {}
      for (const stream of [serverStream, userStream(me), ...[...f.rooms.keys()].map(roomStream)]) seen[stream] = f.position(stream)
      for (let i = 0; i < 40; i++) {
        anything(f, pick)
        if (pick(3) === 0) s = deliver(f, s, seen)
      }
      s = deliver(f, s, seen)
      expect(truth(s), `seed ${seed}`).toEqual(truth(fresh(f)))
    }
  })

  it('show what a fresh fetch shows after being away', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const pick = chance(seed * 7919)
      const f = fake()
      let s = fresh(f)
      for (let round = 0; round < 4; round++) {
        for (let i = 0; i < 12; i++) anything(f, pick)
        s = resume(f, s)
        expect(truth(s), `seed ${seed}, round ${round}`).toEqual(truth(fresh(f)))
      }
    }
  })

  it('keep what is shown of a room as it is', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const pick = chance(seed * 104729)
      const f = fake()
      let s = fresh(f)
      const seen: Record<string, Position> = {}
      for (let i = 0; i < 20; i++) anything(f, pick)
      s = resume(f, s)
      for (const stream of [serverStream, userStream(me), ...[...f.rooms.keys()].map(roomStream)]) seen[stream] = f.position(stream)
      const { messages } = f.rooms.get('general')!
      const page = { messages: [...messages], more_older: false, more_newer: false }
      for (let i = 0; i < 10; i++) anything(f, pick)
      const late = pick(2) === 1 // the page was read before the events came, or is answered after them
      if (!late) s = takePage(s, 'general', 'replace', page)
      s = deliver(f, s, seen)
      if (late) s = takePage(s, 'general', 'replace', page)
      const kept = s.timelines.general!.messages
      expect(kept, `seed ${seed}`).toEqual(messages.slice(0, kept.length))
    }
  })

  it('derive unread from positions', () => {
    const f = fake()
    let s = fresh(f)
    f.send('general', 'joe', 'one')
    f.send('general', 'joe', 'two')
    s = resume(f, s)
    expect(s.rooms.general).toMatchObject({ head_no: 2, read_no: 0, unread: 2 })
    f.read('general', me, 1)
    s = resume(f, s)
    expect(s.rooms.general!.unread).toBe(1)
    f.send('general', me, 'mine')
    s = resume(f, s)
    expect(s.rooms.general).toMatchObject({ read_no: 3, unread: 0 })
    expect(moveRead(s, 'general', 1)).toBe(s) // never back
  })

  it('keep unread at zero when another device has read what is still on its way here', () => {
    const f = fake()
    let s = fresh(f)
    const p = f.position(roomStream('general'))
    f.send('general', 'joe', 'one')
    f.read('general', me, 1)
    for (const e of f.after(userStream(me), s.userPosition)) s = applyEvent(s, e).state
    expect(s.rooms.general!.unread).toBe(0)
    for (const e of f.after(roomStream('general'), p)) s = applyEvent(s, e).state
    expect(s.rooms.general).toMatchObject({ head_no: 1, read_no: 1, unread: 0 })
  })
})

describe('an event', () => {
  const setup = () => {
    const f = fake()
    const s = fresh(f)
    f.send('general', 'joe', 'one')
    f.send('general', 'joe', 'two')
    const [one, two] = f.after(roomStream('general'), s.rooms.general!.position) as [Event, Event]
    return { s, one, two }
  }
  it('that is known changes nothing', () => {
    const { s, one } = setup()
    const after = applyEvent(s, one).state
    expect(applyEvent(after, one).state).toBe(after)
  })
  it('that leaves a gap asks for a sync and changes nothing', () => {
    const { s, two } = setup()
    expect(applyEvent(s, two)).toEqual({ state: s, then: 'sync' })
  })
  it('of another past of the same room asks for a sync', () => {
    const { s, one } = setup()
    expect(applyEvent(s, { ...one, prev: 'another' }).then).toBe('sync')
    expect(applyEvent(s, { ...one, epoch: 'e2' }).then).toBe('sync')
  })
  it('of an unknown kind only moves the position', () => {
    const { s, one } = setup()
    const after = applyEvent(s, { ...one, kind: 'message.pinned', message: undefined }).state
    expect(after.rooms.general).toEqual({ ...s.rooms.general, position: { epoch: 'e1', seq: one.seq, id: one.id } })
  })
  it('of a room that came later than its events asks for a sync', () => {
    const f = fake()
    const s = fresh(f)
    f.createRoom('secret', 'joe', 'private')
    f.join('secret', me, 'joe')
    const joined = f.after(userStream(me), s.userPosition)[0]!
    f.send('secret', 'joe', 'dropped')
    const dropped = f.after(roomStream('secret'), joined.view!.position)[0]!
    const early = applyEvent(s, dropped).state
    expect(applyEvent(early, joined).then).toBe('sync')
  })
})

describe('what moderators do', () => {
  const setup = () => {
    const f = fake()
    const s = fresh(f)
    const told = () => resume(f, s).notices.general!.map((n) => [n.kind, n.by, n.text])
    return { f, s, told }
  }
  it('is told where it concerns all', () => {
    const { f, told } = setup()
    f.rename('general', { archived: true })
    f.rename('general', { archived: false, slow: 30 })
    f.rename('general', { slow: 0 })
    expect(told()).toEqual([['archived', 'joe', undefined], ['unarchived', 'joe', undefined], ['slow', 'joe', '30'], ['fast', 'joe', '']])
  })
  it('to the room and its topic in one step is told once each', () => {
    const { f, told } = setup()
    f.rename('general', { topic: 'new', slow: 5 })
    expect(told().map(([kind]) => kind)).toEqual(['topic', 'slow'])
  })
  it('holds for the person it is about, and is known of the others', () => {
    const { f, s } = setup()
    f.join('general', 'joe', 'joe')
    const until = '2026-01-02T09:00:00Z'
    f.mute('general', 'joe', 'alex', until)
    const others = resume(f, takeMembers(s, 'general', [...f.rooms.get('general')!.members.values()], []))
    expect([others.rooms.general!.mute, others.members.general!.joe!.mute]).toEqual([undefined, { until, by: 'alex' }])
    f.mute('general', me, 'joe', until)
    expect(resume(f, s).rooms.general!.mute).toEqual({ until, by: 'joe' })
    f.mute('general', me, 'joe')
    expect(resume(f, s).rooms.general!.mute).toBeUndefined()
  })
})

describe('a resync', () => {
  it('of a room keeps its events until the view is there, and applies those after it', () => {
    const f = fake()
    let s = fresh(f)
    s = applyResync(s, roomStream('general'), f.position(roomStream('general'))).state
    expect(positions(s)[roomStream('general')]).toBeUndefined()
    f.send('general', 'joe', 'in the view')
    const view = f.view('general', me)
    f.send('general', 'joe', 'after the view')
    for (const e of f.after(roomStream('general'), s.rooms.general!.position)) s = applyEvent(s, e).state
    expect(s.rooms.general!.head_no).toBe(0)
    s = setView(s, view).state
    expect(s.rooms.general).toEqual(f.view('general', me))
    expect(s.stale).toEqual({})
  })
  it('of oneself puts all in doubt', () => {
    expect(applyResync(fresh(fake()), userStream(me), { epoch: 'e2', seq: 0 }).then).toBe('refresh')
  })
  it('of a rolled back room forgets its messages', () => {
    const f = fake()
    let s = fresh(f)
    f.send('general', 'joe', 'one')
    s = resume(f, s)
    s = takePage(s, 'general', 'replace', { messages: f.rooms.get('general')!.messages, more_older: false, more_newer: false })
    const view = { ...f.view('general', me), position: { epoch: 'e2', seq: 1, id: 'x' } }
    expect(setView(s, view).state.timelines.general).toBeUndefined()
    expect(distrust(s, 'general').timelines.general).toBeUndefined()
  })
})

describe('answers and events that overtake each other', () => {
  it('a view from an answer is never a step back', () => {
    const f = fake()
    let s = fresh(f)
    const old = f.view('general', me)
    f.send('general', 'joe', 'newer')
    s = resume(f, s)
    expect(adopt(s, old).state).toBe(s)
  })
  it('a page of people does not undo a later event', () => {
    const f = fake()
    let s = begin(f.sync(me))
    const page = f.people()
    f.changeUser('joe', { name: 'Joseph' })
    for (const e of f.after(serverStream, page.position)) s = applyEvent(s, e).state
    s = takePeople(s, page)
    expect(s.people.joe!.name).toBe('Joseph')
    expect(s.serverPosition!.seq).toBe(f.position(serverStream).seq)
  })
  it('of more people than a page only those are known who are seen, each as they are now', () => {
    const f = fake()
    f.addUser('zoe')
    const { users, position } = f.people()
    const [one, two, three] = users.filter((u) => u.id !== me) as [User, User, User]
    const page = { users: [one], position, next: one.id }
    let s = takePeople(begin(f.sync(me)), page)
    const known = () => Object.keys(s.people).sort()
    expect(known()).toEqual([one.id, me].sort())
    // Who is found is known, unless they have changed since.
    const old = f.people()
    f.changeUser(two.id, { name: 'Other' })
    for (const e of f.after(serverStream, position)) s = applyEvent(s, e).state
    expect(known()).toEqual([one.id, me].sort())
    s = takeFound(s, old)
    expect(known()).not.toContain(two.id)
    s = takeFound(s, f.people())
    expect(s.people[two.id]!.name).toBe('Other')
    // A list that begins anew keeps those who were asked for again, or have
    // changed since.
    s = takePeople({ ...s, peopleSeq: {} }, page, [{ users: [three], position }])
    expect(known()).toEqual([one.id, three.id, me].sort())
    s = takeMorePeople(s, f.people())
    expect([s.peopleNext, known()]).toEqual([null, f.people().users.map((u) => u.id).sort()])
  })
  it('members who left while the list was fetched are not in it', () => {
    const f = fake()
    const s = fresh(f)
    const list = [...f.rooms.get('general')!.members.values()]
    const left: Event = { stream: 'room:general', epoch: 'e1', seq: 9, id: 'x', kind: 'member.left', at: '', member: list[0]! }
    const got = takeMembers(s, 'general', list, [left])
    expect(Object.keys(got.members.general!)).toEqual(list.slice(1).map((m) => m.user))
  })
  it('a page of messages that is older than the newest event knows that there is more', () => {
    const f = fake()
    let s = fresh(f)
    f.send('general', 'joe', 'one')
    const page = { messages: [...f.rooms.get('general')!.messages], more_older: false, more_newer: false }
    f.send('general', 'joe', 'two')
    s = takePage(resume(f, s), 'general', 'replace', page)
    expect(s.timelines.general!.moreNewer).toBe(true)
  })
})

describe('signals', () => {
  it('show who types for five seconds, and nobody who has sent', () => {
    const f = fake()
    let s = applySignal(fresh(f), { stream: 'room:general', kind: 'typing', user: 'joe' }, 1000)
    expect(s.typing.general).toEqual({ joe: 6000 })
    expect(forgetTyping(s, 5999)).toBe(s)
    expect(forgetTyping(s, 6000).typing).toEqual({})
    f.send('general', 'joe', 'done')
    s = resume(f, { ...s })
    expect(s.typing.general ?? {}).toEqual({})
    expect(applySignal(s, { stream: 'room:general', kind: 'typing', user: me }, 1).typing.general).toBeUndefined()
  })
  it('say who is online, without a notice', () => {
    let s = fresh(fake())
    s = applySignal(s, { stream: 'server', kind: 'presence', user: 'joe', online: true }, 1)
    s = applySignal(s, { stream: 'server', kind: 'presence', user: 'joe', online: true }, 2)
    expect(s.online).toEqual({ joe: true })
    expect(s.notices).toEqual({})
    s = applySignal(s, { stream: 'server', kind: 'presence', user: 'joe' }, 3)
    expect(s.online).toEqual({ joe: false })
  })
})

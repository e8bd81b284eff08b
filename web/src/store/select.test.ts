import { describe, expect, it } from 'vitest'
import { Fake } from './fake'
import { begin, takePeople } from './reduce'
import { setLanguage } from '../i18n'
import { fit, isGroup, levelOf, mayLeave, mayModerate, presence, rolesToGive, sortedPeople, otherOf, titleOf, totalUnread } from './select'

function state() {
  const f = new Fake()
  for (const id of ['mary', 'joe', 'alex', 'zoe']) f.addUser(id)
  f.createRoom('general', 'joe')
  f.createRoom('secret', 'mary', 'private')
  f.join('general', 'mary', 'mary')
  f.send('secret', 'mary', 'first')
  f.send('general', 'joe', 'later')
  return { ...takePeople(begin(f.sync('mary')), f.people()), online: { zoe: true, joe: false } }
}

describe('lists', () => {
  it('of people begin with those online, without oneself', () => expect(sortedPeople(state()).map((u) => u.id)).toEqual(['zoe', 'alex', 'joe']))
  it('leave out who is disabled', () => {
    const s = state()
    expect(sortedPeople({ ...s, people: { ...s.people, joe: { ...s.people.joe!, disabled: true } } }).map((u) => u.id)).toEqual(['zoe', 'alex'])
  })
  it('count what is unread', () => expect(totalUnread(state())).toBe(1))
  it('count in a silenced room only what calls one', () => {
    const s = state()
    const silent = { ...s.rooms.general!, unread: 5, notify: 'none' as const }
    const rooms = (more: object) => ({ ...s, rooms: { ...s.rooms, general: { ...silent, ...more } } })
    expect([totalUnread(rooms({})), totalUnread(rooms({ mentions: [3, 4] })), totalUnread(rooms({ notify: 'mentions' }))]).toEqual([0, 2, 5])
  })
})

describe('what one is told of', () => {
  const s = state()
  const general = s.rooms.general!
  const thread = { ...general, id: 't', kind: 'thread' as const, parent: 'general', root: 1 }
  it.each([
    ['a room, as usual', {}, general, 'mentions'],
    ['a direct room, as usual', {}, { ...general, kind: 'direct' as const }, 'all'],
    ['what was chosen', {}, { ...general, notify: 'all' as const }, 'all'],
    ['a thread', {}, thread, 'mentions'],
    ['a thread of a silenced room', { notify: 'none' as const }, thread, 'none'],
    ['a thread that was chosen there', { notify: 'none' as const }, { ...thread, notify: 'all' as const }, 'all'],
  ])('%s', (_, of, room, want) => expect(levelOf({ rooms: { general: { ...general, ...of } } }, room)).toBe(want))
})

describe('direct rooms', () => {
  const room = (...people: string[]) => ({ ...state().rooms.general!, kind: 'direct' as const, name: undefined, people })
  it('are named after the others', async () => {
    await setLanguage('en')
    const s = state()
    expect(titleOf(s, room('joe', 'mary'))).toBe('joe')
    expect(titleOf(s, room('joe', 'mary', 'zoe'))).toBe('joe and zoe')
    expect(titleOf(s, room('alex', 'joe', 'mary', 'zoe'))).toBe('alex, joe, and zoe')
    await setLanguage('de')
    expect(titleOf(s, room('zoe', 'joe', 'mary', 'alex'))).toBe('alex, joe und zoe')
    await setLanguage(null)
  })
  it('have another person only if they are two', () => {
    const s = state()
    expect([otherOf(s, room('joe', 'mary')), isGroup(room('joe', 'mary'))]).toEqual(['joe', false])
    expect([otherOf(s, room('joe', 'mary', 'zoe')), isGroup(room('joe', 'mary', 'zoe'))]).toEqual(['', true])
  })
})

describe('what one may do', () => {
  it('follows the role in the room, and in public rooms the rank', () => {
    const s = state()
    expect(mayModerate(s, s.rooms.secret!)).toBe(true)
    expect(mayModerate(s, s.rooms.general!)).toBe(false)
    const admin = { ...s, me: { ...s.me, role: 'admin' as const } }
    expect(mayModerate(admin, s.rooms.general!)).toBe(true)
    expect(mayModerate(admin, { ...s.rooms.secret!, role: 'member' })).toBe(false)
    expect(mayModerate(admin, { ...s.rooms.general!, kind: 'direct' })).toBe(false)
  })
  it('admins manage members and guests, owners everyone, nobody themselves', () => {
    const user = (id: string, role: 'owner' | 'admin' | 'member') => ({ id, name: id, role, created_at: '' })
    const [owner, admin, member] = [user('o', 'owner'), user('a', 'admin'), user('m', 'member')]
    expect(rolesToGive(owner, admin)).toEqual(['owner', 'admin', 'member', 'guest'])
    expect(rolesToGive(admin, member)).toEqual(['member', 'guest'])
    for (const [me, other] of [[owner, owner], [admin, owner], [admin, user('b', 'admin')], [member, user('n', 'member')]] as const) {
      expect(rolesToGive(me, other)).toEqual([])
    }
  })
  it('nobody leaves General but guests', () => {
    const s = state()
    expect(mayLeave(s, s.rooms.general!)).toBe(false)
    expect(mayLeave(s, s.rooms.secret!)).toBe(true)
    expect(mayLeave({ ...s, me: { ...s.me, role: 'guest' } }, s.rooms.general!)).toBe(true)
  })
  it('tell who is online of those who are watched', () => {
    const s = state()
    expect([presence(s, 'zoe'), presence(s, 'joe'), presence(s, 'alex')]).toEqual([true, false, undefined])
  })
})

describe('what one types', () => {
  it.each([
    ['General', 'general', 5],
    ['General', 'gen', 4],
    ['Ingrid Svensson', 'sven', 3],
    ['General', 'era', 2],
    ['General', 'gnl', 1],
    ['General', 'x', 0],
    ['Zoë', 'zoe', 5],
    ['محمد', 'مح', 4],
    ['anything', '', 1],
  ])('%s and %j: %i', (name, typed, want) => expect(fit(name, typed)).toBe(want))
})

import { describe, expect, it } from 'vitest'
import { roomStream, userStream } from '../protocol/position'
import { Fake } from './fake'
import { partedBy } from './parted'
import { begin, takePeople } from './reduce'

describe('one is told of leaving a room', () => {
  const leave = (by: string) => {
    const f = new Fake()
    for (const id of ['mary', 'joe']) f.addUser(id)
    f.createRoom('garden', 'joe', 'private')
    f.join('garden', 'mary', 'joe')
    const s = takePeople(begin(f.sync('mary')), f.people())
    f.leave('garden', 'mary', by)
    const left = f.after(userStream('mary'), s.userPosition)[0]!
    return { s, left, inRoom: f.after(roomStream('garden'), s.rooms.garden!.position)[0]! }
  }
  it('if somebody else did it', () => {
    const { s, left, inRoom } = leave('joe')
    expect(partedBy(s, left)).toEqual({ room: 'garden', text: 'joe removed you from garden.' })
    expect(partedBy(s, { ...left, reason: 'off topic' })?.text).toBe('joe removed you from garden. Reason: off topic')
    expect(partedBy(s, inRoom)).toBeNull() // once
    expect(partedBy(null, left)).toBeNull()
    expect(partedBy({ ...s, rooms: { garden: { ...s.rooms.garden!, kind: 'thread' } } }, left)).toBeNull()
  })
  it('not of one’s own leaving', () => {
    const { s, left } = leave('mary')
    expect(partedBy(s, left)).toBeNull()
  })
})

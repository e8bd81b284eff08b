import { describe, expect, it } from 'vitest'
import type { State } from '../../store/state'
import { commands, readPeople, readPerson, readStatus } from './table'

const people = Object.fromEntries([['u1', 'Mary'], ['u2', 'Mary Ann'], ['u3', 'Joe']].map(([id, name]) => [id, { id, name, role: 'member', created_at: '' }]))
const chat = { me: people.u3, people, online: {} } as unknown as State

describe('commands', () => {
  it('are written with small letters, and each has its own name', () => {
    const names = commands.map((c) => c.name)
    expect(names.filter((n) => !/^[a-z]+$/.test(n))).toEqual([])
    expect(new Set(names).size).toBe(names.length)
  })

  it('read whom they are for', () => {
    expect(readPerson(chat, '@Mary Ann see you')).toMatchObject({ user: { id: 'u2' }, rest: 'see you' })
    expect(readPerson(chat, 'mary: hello')).toMatchObject({ user: { id: 'u1' }, rest: ': hello' })
    expect(readPeople(chat, '@Joe, @mary @Joe').map((u) => u.id)).toEqual(['u3', 'u1'])
    for (const text of ['', '@Nobody', '  ']) expect(() => readPerson(chat, text)).toThrow()
    for (const text of ['', '@Joe and @Mary', 'Joe']) expect(() => readPeople(chat, text)).toThrow()
  })

  it.each([
    ['🍜 Lunch', { emoji: '🍜', text: 'Lunch' }],
    ['👩‍💻', { emoji: '👩‍💻' }],
    ['👍🏽  thumbs\nup', { emoji: '👍🏽', text: 'thumbs up' }],
    ['at home', { text: 'at home' }],
    ['1 hour', { text: '1 hour' }],
  ])('read %j as a status', (text, want) => expect(readStatus(text)).toEqual(want))
})

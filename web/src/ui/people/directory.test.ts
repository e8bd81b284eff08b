import { expect, it } from 'vitest'
import type { User } from '../../protocol/types'
import { directory } from './directory'

const at = '2026-01-02T03:04:05Z'
const person = (name: string, more: Partial<User> = {}): User => ({ id: name.toLowerCase(), name, role: 'member', created_at: at, ...more })
const people = [
  person('Zoë', { title: 'Head of Design', phone: '+49 (30) 123-45' }),
  person('Ada', { about: 'Designs bridges' }),
  person('Desi'),
  person('Ben', { former_name: 'Benedikt' }),
  person('Bot', { bot: true }),
  person('Gone', { disabled: true }),
]
const names = (typed: string) => directory(people, typed).map((u) => u.name)

it('has everybody by name but bots and who is shut out', () => expect(names(' ')).toEqual(['Ada', 'Ben', 'Desi', 'Zoë']))
it('finds by name first, then by what people say of themselves', () => {
  expect(names('desi')).toEqual(['Desi', 'Ada', 'Zoë'])
  expect(names('zoe')).toEqual(['Zoë'])
  expect(names('benedikt')).toEqual(['Ben'])
  expect(names('nobody')).toEqual([])
})
it('finds phone numbers however they are written', () => {
  expect(names('030 123')).toEqual([])
  expect(names('30 1234')).toEqual(['Zoë'])
  expect(names('30')).toEqual([])
})

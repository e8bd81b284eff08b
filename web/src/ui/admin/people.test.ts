import { expect, it } from 'vitest'
import type { User } from '../../protocol/types'
import { found } from './people'

const user = (name: string, role: User['role'], more: Partial<User> = {}): User => ({ id: name.toLowerCase(), name, role, created_at: '2026-01-02T03:04:05Z', ...more })
const people = [
  user('Zoë', 'owner'), user('Ann', 'member', { created_at: '2026-03-01T00:00:00Z' }), user('Bo', 'guest', { disabled: true }), user('Deploy', 'guest', { bot: true }), user('Carl', 'admin'),
]
const all = { typed: '', which: 'all', order: 'name' } as const
const names = (by: Partial<Parameters<typeof found>[2]>) => found(people, { carl: true }, { ...all, ...by }).map((u) => u.name).join(' ')

it.each([
  [{}, 'Ann Bo Carl Deploy Zoë'],
  [{ order: 'role' }, 'Zoë Carl Ann Bo Deploy'],
  [{ order: 'newest' }, 'Ann Bo Carl Deploy Zoë'],
  [{ order: 'online' }, 'Carl Ann Bo Deploy Zoë'],
  [{ which: 'admins' }, 'Carl Zoë'],
  [{ which: 'members' }, 'Ann'],
  [{ which: 'guests' }, 'Bo'],
  [{ which: 'bots' }, 'Deploy'],
  [{ which: 'disabled' }, 'Bo'],
  [{ typed: ' zoe ' }, 'Zoë'],
  [{ typed: 'o', which: 'guests' }, 'Bo'],
  [{ typed: 'xyz' }, ''],
] as const)('%j', (by, want) => expect(names(by)).toBe(want))

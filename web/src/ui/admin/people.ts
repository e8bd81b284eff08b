// Which of the people on a server an admin looks at, and in what order.

import type { User } from '../../protocol/types'
import { shutOut } from '../../store/person'
import { fit } from '../../store/select'

export type Which = 'all' | 'admins' | 'members' | 'guests' | 'bots' | 'disabled'
export type Order = 'name' | 'role' | 'newest' | 'online'

const rank = { owner: 0, admin: 1, member: 2, guest: 3 }

const belongs: Record<Which, (u: User) => boolean> = {
  all: () => true,
  admins: (u) => !u.bot && (u.role === 'owner' || u.role === 'admin'),
  members: (u) => !u.bot && u.role === 'member',
  guests: (u) => !u.bot && u.role === 'guest',
  bots: (u) => u.bot === true,
  disabled: (u) => shutOut(u, Date.now()),
}

export function found(people: User[], online: Record<string, boolean>, by: { typed: string; which: Which; order: Order }): User[] {
  const first: Record<Order, (a: User, b: User) => number> = {
    name: () => 0,
    role: (a, b) => rank[a.role] - rank[b.role],
    newest: (a, b) => (a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : 0),
    online: (a, b) => Number(!!online[b.id]) - Number(!!online[a.id]),
  }
  const typed = by.typed.trim()
  return people
    .filter((u) => belongs[by.which](u) && (typed === '' || fit(u.name, typed) > 1))
    .sort((a, b) => first[by.order](a, b) || collator.compare(a.name, b.name) || (a.id < b.id ? -1 : 1))
}

const collator = new Intl.Collator() // of thousands of names, much faster than localeCompare

// Whom one finds in the directory, and in what order.

import type { User } from '../../protocol/types'
import { shutOut } from '../../store/person'
import { fit } from '../../store/select'

/** How well somebody fits what was typed: by name best, then by title, phone and what they say of themselves. */
function score(u: User, typed: string): number {
  if (typed === '') return 1
  const name = fit(u.name, typed)
  if (name > 1) return name + 10
  const former = u.former_name ? fit(u.former_name, typed) : 0
  const words = Math.max(former, ...[u.title, u.about].map((text) => (text ? fit(text, typed) : 0)))
  if (words > 1) return words
  const digits = typed.replace(/\D/g, '')
  return digits.length >= 3 && u.phone?.replace(/\D/g, '').includes(digits) ? 2 : 0
}

/** The people, without bots and those who are shut out: the best first, else by name. */
export function directory(people: User[], typed: string): User[] {
  const wanted = typed.trim()
  const now = Date.now()
  return people
    .filter((u) => !u.bot && !shutOut(u, now))
    .map((u) => ({ u, score: score(u, wanted) }))
    .filter((x) => x.score > 0)
    .sort((a, b) => b.score - a.score || collator.compare(a.u.name, b.u.name) || (a.u.id < b.u.id ? -1 : 1))
    .map((x) => x.u)
}

const collator = new Intl.Collator() // of thousands of names, much faster than localeCompare

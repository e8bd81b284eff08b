// What is looked for, as people write it: words, and filters like from:Joe
// in:General has:file before:2026-03-01.

import type { State } from './state'
import { fit, listed, titleOf } from './select'

export interface Search {
  q?: string
  from?: string
  mentions?: string
  room?: string
  after?: string
  before?: string
  has?: (typeof values.has)[number]
  is?: (typeof values.is)[number]
}

const values = { has: ['link', 'file', 'reaction'], is: ['pinned', 'thread'] } as const

/** What was written, or what is wrong with it: the filter that means nothing. */
export type Parsed = { search: Search } | { unknown: string }

const fold = (text: string) => text.normalize('NFKC').toLocaleLowerCase()

/** What fits a name best, if it begins a word of it at least. */
function best<T>(list: T[], nameOf: (t: T) => string, name: string): T | undefined {
  const scored = list.map((item) => ({ item, score: fit(nameOf(item), name) })).filter((x) => x.score >= 3)
  return scored.sort((a, b) => b.score - a.score || nameOf(a.item).length - nameOf(b.item).length)[0]?.item
}

const half = /(?:^|\s)(from|in|mentions|has|is):"?([^"]*)$/i

/**
 * The name of a person that is being written at the end of a search; empty if
 * none is.
 */
export const personTyped = (text: string): string => /(?:^|\s)(?:from|mentions):"?@?([^"]*)$/i.exec(text)?.[1] ?? ''

/** Names and values for the filter that is being written at the end of a search. */
export function filterOffers(s: State, text: string): string[] {
  const [, filter, name] = half.exec(text) ?? []
  if (!filter || name === undefined || /\s$/.test(name)) return []
  const all = valuesOf(s, filter.toLowerCase())
  const fits = all.map((n) => ({ n, score: fit(n, name.replace(/^[@#]/, '')) })).filter((x) => x.score > (name ? 2 : 0) && x.n !== name)
  return fits.sort((a, b) => b.score - a.score || a.n.localeCompare(b.n)).slice(0, 6).map((x) => x.n)
}

function valuesOf(s: State, filter: string): readonly string[] {
  if (filter === 'has' || filter === 'is') return values[filter]
  if (filter === 'in') return listed(s).map((r) => titleOf(s, r))
  return ['me', ...Object.values(s.people).map((u) => u.name)]
}

/** A filter as it is written: in:"Two words". */
export const written = (filter: string, value: string): string => `${filter}:${/\s/.test(value) ? `"${value}"` : value}`

const part = /(?:(\w+):(?:"([^"]*)"|(\S+)))|-?"[^"]*"|(\S+)/g

/** The filters of a search, as they are written. */
export const filtersOf = (text: string): string[] =>
  [...text.matchAll(part)].filter(([, filter]) => filter && /^(from|in|mentions|has|is|before|after)$/i.test(filter)).map(([whole]) => whole)

/** A search without one of its filters. */
export const withoutFilter = (text: string, filter: string): string =>
  text.replace(filter, '').replace(/\s+/g, ' ').trim()

/** A search with the name in the place of what was written of it. */
export const complete = (text: string, name: string): string =>
  text.replace(half, (whole, filter: string) => `${/^\s/.test(whole) ? ' ' : ''}${written(filter, name)} `)

/** Reads a search. Names with spaces stand in quotes: from:"Ada Lovelace". */
export function parseSearch(s: State, text: string): Parsed {
  const search: Search = {}
  const words: string[] = []
  for (const [whole, filter, quoted, plain, phrase] of text.matchAll(part)) {
    const value = quoted ?? plain ?? ''
    switch (filter && fold(filter)) {
      case 'from':
      case 'mentions': {
        const name = value.replace(/^@/, '')
        const user = fold(name) === 'me' ? s.me : best(Object.values(s.people), (u) => u.name, name)
        if (!user) return { unknown: whole }
        search[fold(filter!) as 'from' | 'mentions'] = user.id
        break
      }
      case 'in': {
        const room = best(listed(s), (r) => titleOf(s, r), value.replace(/^[#@]/, ''))
        if (!room) return { unknown: whole }
        search.room = room.id
        break
      }
      case 'has':
      case 'is':
        if (!(values[fold(filter!) as 'has' | 'is'] as readonly string[]).includes(fold(value))) return { unknown: whole }
        Object.assign(search, { [fold(filter!)]: fold(value) })
        break
      case 'before':
      case 'after':
        if (!/^\d{4}-\d{2}-\d{2}$/.test(value) || Number.isNaN(Date.parse(value))) return { unknown: whole }
        search[fold(filter!) as 'before' | 'after'] = value
        break
      default:
        words.push(phrase ?? whole)
    }
  }
  const q = words.join(' ').trim()
  if (q) search.q = q
  return { search }
}

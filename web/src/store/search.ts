// What is looked for, as people write it: words, and filters like from:Joe
// in:General has:file before:2026-03-01.

import type { State } from './state'
import { fit, listed, titleOf } from './select'

export interface Search {
  q?: string
  from?: string
  room?: string
  after?: string
  before?: string
  has?: 'link' | 'file'
}

/** What was written, or what is wrong with it: the filter that means nothing. */
export type Parsed = { search: Search } | { unknown: string }

const fold = (text: string) => text.normalize('NFKC').toLocaleLowerCase()

/** What fits a name best, if it begins a word of it at least. */
function best<T>(list: T[], nameOf: (t: T) => string, name: string): T | undefined {
  const scored = list.map((item) => ({ item, score: fit(nameOf(item), name) })).filter((x) => x.score >= 3)
  return scored.sort((a, b) => b.score - a.score || nameOf(a.item).length - nameOf(b.item).length)[0]?.item
}

const half = /(?:^|\s)(from|in):"?([^"]*)$/i

/**
 * The name of a person that is being written at the end of a search; empty if
 * none is.
 */
export const personTyped = (text: string): string => /(?:^|\s)from:"?@?([^"]*)$/i.exec(text)?.[1] ?? ''

/** Names for the filter that is being written at the end of a search. */
export function filterOffers(s: State, text: string): string[] {
  const [, filter, name] = half.exec(text) ?? []
  if (!filter || name === undefined || /\s$/.test(name)) return []
  const all = filter.toLowerCase() === 'from' ? Object.values(s.people).map((u) => u.name) : listed(s).map((r) => titleOf(s, r))
  const fits = all.map((n) => ({ n, score: fit(n, name.replace(/^[@#]/, '')) })).filter((x) => x.score > (name ? 2 : 0) && x.n !== name)
  return fits.sort((a, b) => b.score - a.score || a.n.localeCompare(b.n)).slice(0, 6).map((x) => x.n)
}

/** A search with the name in the place of what was written of it. */
export const complete = (text: string, name: string): string =>
  text.replace(half, (whole, filter: string) => `${/^\s/.test(whole) ? ' ' : ''}${filter}:${/\s/.test(name) ? `"${name}"` : name} `)

/** Reads a search. Names with spaces stand in quotes: from:"Ada Lovelace". */
export function parseSearch(s: State, text: string): Parsed {
  const search: Search = {}
  const words: string[] = []
  for (const [whole, filter, quoted, plain, phrase] of text.matchAll(/(?:(\w+):(?:"([^"]*)"|(\S+)))|"[^"]*"|(\S+)/g)) {
    const value = quoted ?? plain ?? ''
    switch (filter && fold(filter)) {
      case 'from': {
        const name = value.replace(/^@/, '')
        const user = fold(name) === 'me' ? s.me : best(Object.values(s.people), (u) => u.name, name)
        if (!user) return { unknown: whole }
        search.from = user.id
        break
      }
      case 'in': {
        const room = best(listed(s), (r) => titleOf(s, r), value.replace(/^[#@]/, ''))
        if (!room) return { unknown: whole }
        search.room = room.id
        break
      }
      case 'has':
        if (value !== 'link' && value !== 'file') return { unknown: whole }
        search.has = value
        break
      case 'before':
      case 'after':
        if (!/^\d{4}-\d{2}-\d{2}$/.test(value) || Number.isNaN(Date.parse(value))) return { unknown: whole }
        search[filter as 'before' | 'after'] = value
        break
      default:
        words.push(phrase ?? whole.replaceAll('"', ''))
    }
  }
  const q = words.join(' ').trim()
  if (q) search.q = q
  return { search }
}

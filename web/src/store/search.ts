// What is looked for, as people write it: words, and filters like from:Joe
// in:General has:file before:2026-03-01.

import type { State } from './state'
import { titleOf } from './select'

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

/** Reads a search. Names with spaces stand in quotes: from:"Ada Lovelace". */
export function parseSearch(s: State, text: string): Parsed {
  const search: Search = {}
  const words: string[] = []
  for (const [whole, filter, quoted, plain, phrase] of text.matchAll(/(?:(\w+):(?:"([^"]*)"|(\S+)))|"[^"]*"|(\S+)/g)) {
    const value = quoted ?? plain ?? ''
    switch (filter && fold(filter)) {
      case 'from': {
        const name = fold(value.replace(/^@/, ''))
        const user = name === 'me' ? s.me : Object.values(s.people).find((u) => fold(u.name) === name)
        if (!user) return { unknown: whole }
        search.from = user.id
        break
      }
      case 'in': {
        const name = fold(value.replace(/^[#@]/, ''))
        const room = Object.values(s.rooms).find((r) => r.kind !== 'thread' && fold(titleOf(s, r)) === name)
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

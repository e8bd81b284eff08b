import { describe, expect, it } from 'vitest'
import { Fake } from './fake'
import { begin, takePeople } from './reduce'
import { complete, filterOffers, filtersOf, parseSearch, withoutFilter } from './search'

const f = new Fake()
for (const id of ['mary', 'joe', 'Ada Lovelace']) f.addUser(id)
f.createRoom('general', 'joe')
f.join('general', 'mary', 'mary')
const s = takePeople(begin(f.sync('mary')), f.people())

describe('a search', () => {
  it.each([
    ['two words', { q: 'two words' }],
    ['from:joe hello', { from: 'joe', q: 'hello' }],
    ['from:@Joe', { from: 'joe' }],
    ['from:me', { from: 'mary' }],
    ['from:"Ada Lovelace" in:#general', { from: 'Ada Lovelace', room: 'general' }],
    ['has:file before:2026-03-01 after:2026-01-01', { has: 'file', before: '2026-03-01', after: '2026-01-01' }],
    ['https://a.example', { q: 'https://a.example' }],
    ['"in quotes" -"not this" more', { q: '"in quotes" -"not this" more' }],
    ['is:pinned has:reaction Mentions:me', { is: 'pinned', has: 'reaction', mentions: 'mary' }],
  ])('%s', (text, want) => expect(parseSearch(s, text)).toEqual({ search: want }))
  it.each(['from:nobody', 'in:nowhere', 'has:luck', 'is:late', 'mentions:nobody', 'before:tomorrow'])('%s is refused', (text) => expect(parseSearch(s, `words ${text}`)).toEqual({ unknown: text }))
  it('offers what a filter can be', () => {
    expect(filterOffers(s, 'words is:')).toEqual(['pinned', 'thread'])
    expect(filterOffers(s, 'has:r')).toEqual(['reaction'])
    expect(filterOffers(s, 'mentions:ada')).toEqual(['Ada Lovelace'])
    expect(complete('x mentions:ada', 'Ada Lovelace')).toBe('x mentions:"Ada Lovelace" ')
  })
  it('has its filters taken out', () => {
    const text = 'a from:"Ada Lovelace" b is:pinned http://c'
    expect(filtersOf(text)).toEqual(['from:"Ada Lovelace"', 'is:pinned'])
    expect(withoutFilter(text, 'from:"Ada Lovelace"')).toBe('a b is:pinned http://c')
  })
})

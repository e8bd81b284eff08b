import { describe, expect, it } from 'vitest'
import { Fake } from './fake'
import { begin, takePeople } from './reduce'
import { parseSearch } from './search'

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
    ['"in quotes" more', { q: 'in quotes more' }],
  ])('%s', (text, want) => expect(parseSearch(s, text)).toEqual({ search: want }))
  it.each(['from:nobody', 'in:nowhere', 'has:luck', 'before:tomorrow'])('%s is refused', (text) => expect(parseSearch(s, `words ${text}`)).toEqual({ unknown: text }))
})

import { describe, expect, it } from 'vitest'
import { linkOf, type Selected, toggleMark } from './marks'

/** A text whose selection stands between two bars. */
const read = (s: string): Selected => ({ text: s.replaceAll('|', ''), from: s.indexOf('|'), to: s.lastIndexOf('|') - (s.indexOf('|') === s.lastIndexOf('|') ? 0 : 1) })
const shown = ({ text, from, to }: Selected) => (from === to ? `${text.slice(0, from)}|${text.slice(to)}` : `${text.slice(0, from)}|${text.slice(from, to)}|${text.slice(to)}`)

describe('marks around what is selected', () => {
  it.each([
    ['a |word| b', '**', 'a **|word|** b'],
    ['a **|word|** b', '**', 'a |word| b'],
    ['a| word |b', '**', 'a **|word|** b'],
    ['a |b', '**', 'a **|**b'],
    ['a **|**b', '**', 'a |b'],
    ['**|word|**', '*', '***|word|***'],
    ['***|word|***', '*', '**|word|**'],
    ['*|word|*', '*', '|word|'],
    ['|x|', '`', '`|x|`'],
  ])('%j with %s is %j', (before, mark, after) => expect(shown(toggleMark(read(before), mark))).toBe(after))
})

describe('an address that is pasted over words', () => {
  it.each([
    ['see |the notes| here', 'https://example.org/a?b=c', '[the notes](https://example.org/a?b=c)'],
    ['|the notes|', ' https://example.org \n', '[the notes](https://example.org)'],
    ['|the notes|', 'javascript:alert(1)', null],
    ['|the notes|', 'two words', null],
    ['|the notes|', 'https://example.org/)x', null],
    ['|https://a.example|', 'https://b.example', null],
    ['|a\nb|', 'https://b.example', null],
    ['a|b', 'https://b.example', null],
  ])('%j, %j', (text, pasted, want) => expect(linkOf(read(text), pasted)).toBe(want))
})

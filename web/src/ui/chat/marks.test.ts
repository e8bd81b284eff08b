import { describe, expect, it } from 'vitest'
import { type Format, formatOf, formats, linkOf, type Selected, toggleMark } from './marks'

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

describe('a format', () => {
  it.each<[Format, string, string]>([
    ['quote', 'a\n|b\nc|\nd', 'a\n|> b\n> c|\nd'],
    ['quote', 'a\n|> b\n>c|\nd', 'a\n|b\nc|\nd'],
    ['list', 'one t|wo', '- one t|wo'],
    ['list', '- one t|wo', 'one t|wo'],
    ['list', '- o|ne\ntw|o', '|- - one\n- two|'],
    ['list', '- |', '|'],
    ['numbered', '|a\nb|', '|1. a\n2. b|'],
    ['block', 'see |x = 1| here', 'see \n```\n|x = 1|\n```\n here'],
    ['block', '|', '```\n|\n```'],
    ['block', '```\n|x|\n```', '|x|'],
    ['link', 'the |words| here', 'the [words](|) here'],
    ['link', '|https://example.org|', '[|](https://example.org)'],
    ['link', '|', '[|]()'],
    ['struck', 'a |b|', 'a ~~|b|~~'],
  ])('%s makes of %j %j', (format, before, after) => expect(shown(formats[format](read(before)))).toBe(after))

  const press = (key: string, code: string, more = {}) => formatOf({ key, code, ctrlKey: true, metaKey: false, shiftKey: false, altKey: false, ...more })
  it('has its keys', () => {
    expect([press('b', 'KeyB'), press('E', 'KeyE', { shiftKey: true }), press('e', 'KeyE'), press('(', 'Digit9', { shiftKey: true })]).toEqual(['bold', 'block', 'code', 'quote'])
    expect([press('b', 'KeyB', { ctrlKey: false }), press('b', 'KeyB', { altKey: true }), press('B', 'KeyB', { shiftKey: true }), press('9', 'Digit9')]).toEqual([undefined, undefined, undefined, undefined])
  })
})

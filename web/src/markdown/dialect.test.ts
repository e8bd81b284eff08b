// @vitest-environment happy-dom
import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { budget } from './dialect'
import { parse, plainLine } from './render'

// They would come in the middle, when they are loaded.
vi.mock('./languages', () => ({ highlight: () => null }))

/** HTML without what is the same for all links and blocks of code. */
const bare = (html: string) =>
  html
    .replace(/ target="_blank" rel="[^"]*"/g, '')
    .replace(/<div class="code-block[^>]*><div class="code-bar">.*?<\/div><pre tabindex="0">/g, '<pre>')
    .replace(/<\/pre><\/div>/g, '</pre>')
    .replace(/<div class="table-wrap">|<\/table>(<\/div>)/g, (whole) => (whole.startsWith('<div') ? '' : '</table>'))
    .replace(/(>)\s*\n\s*|\s*\n\s*(?=<)/g, '$1')
    .trim()

describe('docs/markdown.md', () => {
  const page = readFileSync('../docs/markdown.md', 'utf8')
  const examples = [...page.matchAll(/^(`{3,4})markdown\n([^]*?)^\1\n+(`{3,4})html\n([^]*?)^\3$/gm)].map((m) => ({ written: m[2]!.replace(/\n$/, ''), shown: m[4]! }))
  it('has examples', () => expect(examples.length).toBeGreaterThan(25))
  it.each(examples)('$written', ({ written, shown }) => expect(bare(parse(written))).toBe(bare(shown)))
})

describe('what looks like a mark by accident', () => {
  it.each([
    'Liebe Kolleg*innen und Kund*innen',
    'Lehrer**innen und Schüler**innen',
    'коллег*и и друзь*я',
    '2*3*4 and 2**3**4',
    'a*b*c, f(x*y, z*w)',
    '*Price without VAT',
    'snake_case_name and __init__.py',
    'Regards\n--\nBob',
    'Regards\n---\nBob',
    'Total\n=====\n12',
    'see you tomorrow\n-',
    '-',
    '---',
    '- - -',
    '* * *',
    '1.',
    '123456789. my account',
    '2026. What a year',
    '+ 49 170 123',
    '    four spaces',
    'Backup failed\n--------\nexit 2',
    '#',
    '## ##',
    '>',
    '>\n>>',
    '>:( again',
    '>_<',
    '>=5',
    '```',
    '~~~~',
    '~~~ cut here ~~~',
    '[x]()',
    '&nbsp; &#x202e; &lt;b&gt;',
    '\\\\server\\share',
    'C:\\\nD:\\',
    '¯\\_(ツ)_/¯ _(ツ)',
    'https:///x https://:80',
  ])('stays: %j', (text) => {
    const div = document.createElement('div')
    div.innerHTML = parse(text)
    expect([div.querySelector('em, strong, h1, h2, ul, ol, hr, pre, blockquote, a'), div.textContent!.trim()]).toEqual([null, text.trim()])
  })

  it.each([
    ['**重要：**请看', '重要：'],
    ['请看**重要**的事', '重要'],
    ['これは**「大事」**です', '「大事」'],
    ['**중요**은', '중요'],
    ['นี่**สำคัญ**มาก', 'สำคัญ'],
    ['(**bold**)', 'bold'],
    ['**bold**, then', 'bold'],
    ['“**bold**”', 'bold'],
  ])('but %j is bold', (text, want) => {
    const div = document.createElement('div')
    div.innerHTML = parse(text)
    expect([...div.querySelectorAll('strong')].map((b) => b.textContent)).toEqual([want])
  })
})

describe('nothing of a text is lost', () => {
  const shown = (text: string) => {
    const div = document.createElement('div')
    div.innerHTML = parse(text)
    return [...div.querySelectorAll('p, pre code, td, th, li')].filter((el) => !el.querySelector('p')).map((el) => el.textContent!.trim())
  }
  it.each([
    ['```one two\nthree```\nfour', ['one two\nthree', 'four']],
    ['```alone', ['alone']],
    ['```\na\n```` b', ['a', 'b']],
    ['````\na\n```\n````', ['a\n```']],
    ['```\na ``` b\n```\nc', ['a ``` b', 'c']],
    ['> ```\n> x\n> ``` tail\n> more\nme', ['x', 'tail\nmore', 'me']],
    ['~~~\na~~~\n~~~', ['a~~~']],
    ['| a |\n|---|\n| 1 |\nafter', ['a', '1', 'after']],
    ['[](https://e.example/x) [\u200b](https://f.example)', ['https://e.example/x https://f.example']],
    ['[www.good.example](https://bad.example)', ['https://bad.example']],
    ['[*https://good.example*](mailto:a@bad.example)', ['mailto:a@bad.example']],
    ['[https://www.a.example/x](https://a.example) [README.md](https://a.example)', ['https://www.a.example/x README.md']],
    ['http://[::1]:80/x', ['http://[::1]:80/x']],
  ])('%j', (text, want) => expect(shown(text)).toEqual(want))
})

describe('a text that is too much to be formatted', () => {
  const table = (columns: number, rows: number) => `|${'a|'.repeat(columns)}\n|${'-|'.repeat(columns)}\n${'|\n'.repeat(rows)}`
  it.each([
    ['a table', table(40, 20)],
    ['a table whose rows are short', table(3_000, 2_000)],
    ['a list', '- a\n'.repeat(4_000)],
    ['stars', '*a '.repeat(budget.steps)],
    ['brackets', '['.repeat(200_000)],
    ['quotations', '> a\n\nb\n\n'.repeat(3_000)],
    ['code', '`a` '.repeat(8_000)],
    ['emphasis', '*a* '.repeat(4_000)],
  ])('such as %s, is shown as it is, with a word', (_, text) => {
    const html = parse(text)
    expect(html).toMatch(/^<p class="plain">/)
    expect(html).toMatch(/Shown without formatting/)
    expect(plainLine(text).length).toBeLessThanOrEqual(140)
  })
  it('leaves the next one alone', () => expect(parse('**a**')).toContain('<strong>'))
  it('is more than a long one', () => expect(parse(`${'word *word* '.repeat(300)}\n${table(8, 40)}`)).not.toMatch(/plain-note/))
})

// @vitest-environment happy-dom
import { describe, expect, it } from 'vitest'
import { hostileText } from './fakeTexts'
import { parse, plainLine } from './render'

// These look at the parser alone: DOMPurify, the second wall, needs a real
// browser. e2e/hostile.test.mjs repeats the attacks in one, on the whole
// client.
const dom = (text: string) => {
  const div = document.createElement('div')
  div.innerHTML = parse(text)
  return div
}

describe('markdown', () => {
  it.each([
    ['**b** *i* ~~s~~ `c`', ['strong', 'em', 's', 'code']],
    ['- a\n- b', ['ul', 'li']],
    ['1. a\n2. b', ['ol', 'li']],
    ['> q', ['blockquote']],
    ['| a | b |\n|---|--:|\n| 1 | 2 |', ['table', 'th', 'td']],
    ['a\nb', ['br']],
    ['# h', ['h1']],
  ])('%j', (text, tags) => {
    for (const tag of tags) expect(dom(text).querySelector(tag), tag).not.toBeNull()
  })

  it('has a copy button and the language on code blocks, and keeps the code as it is', () => {
    const block = dom('```go\nif a < b && c {\n\tx()\n}\n```').querySelector('.code-block')!
    expect(block.querySelector('code')!.textContent).toBe('if a < b && c {\n\tx()\n}\n')
    expect(block.querySelector('.code-lang')!.textContent).toBe('go')
    expect(block.querySelector('.code-copy')).not.toBeNull()
  })

  it('opens links elsewhere and tells them nothing', () => {
    for (const text of ['[x](https://example.org/a?b=c)', 'see https://example.org/a?b=c']) {
      const a = dom(text).querySelector('a')!
      expect(a.getAttribute('href')).toBe('https://example.org/a?b=c')
      expect(a.getAttribute('target')).toBe('_blank')
      expect(a.getAttribute('rel')).toBe('noopener nofollow noreferrer')
    }
  })

  it.each([
    '[x](javascript:alert(1))',
    '[x](JaVaScRiPt:alert(1))',
    '[x](java\tscript:alert(1))',
    '[x](&#106;avascript:alert(1))',
    '[x](%6aavascript:alert(1))',
    '[x](data:text/html,<script>alert(1)</script>)',
    '[x](vbscript:x)',
    '[x](file:///etc/passwd)',
    '[x]( javascript:alert(1) )',
    '<javascript:alert(1)>',
    '[x]: javascript:alert(1)\n[x]',
  ])('makes no link of %j', (text) => expect(dom(text).querySelector('a')).toBeNull())

  it.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '<svg onload=alert(1)>',
    '<a href="javascript:alert(1)">x</a>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<style>*{display:none}</style>',
    '![x](https://example.org/x.png)',
    '![x](x" onerror="alert(1))',
    '[x](https://example.org/" onmouseover="alert(1))',
    '[x](https://example.org "t\\" onmouseover=alert(1) x=\\"")',
    '`<img src=x onerror=alert(1)>`',
    '```"><img src=x onerror=alert(1)>\n<script>alert(1)</script>\n```',
    '<details open ontoggle=alert(1)>',
    '**<b onclick=alert(1)>x</b>**',
  ])('leaves %j without effect', (text) => {
    const root = dom(text)
    expect(root.querySelector('script,img,svg,iframe,style,object,form,input,details')).toBeNull()
    for (const el of root.querySelectorAll('*')) {
      for (const { name } of Array.from(el.attributes)) {
        expect(['class', 'href', 'rel', 'target', 'type', 'tabindex', 'start', 'value'], `${name} on ${el.tagName}`).toContain(name)
      }
    }
  })

  it('bounds its work on deep nesting', () => {
    const began = performance.now()
    for (const text of ['>'.repeat(16_000), '['.repeat(16_000), '*'.repeat(16_000), '- '.repeat(8_000), '`'.repeat(16_000), '![]('.repeat(4_000)]) parse(text)
    expect(performance.now() - began).toBeLessThan(5_000)
  })
})

describe('random texts', () => {
  const tag = /<(\/?)([a-z][a-z0-9]*)((?: [a-z]+="[^"<>]*")*)( \/)?>/g
  const tags = new Set(
    'a blockquote br button code div em h1 h2 h3 h4 h5 h6 hr li ol p pre s span strong table tbody td th thead tr ul'.split(' '),
  )
  const attributes = new Set(['class', 'href', 'rel', 'start', 'tabindex', 'target', 'type', 'value'])

  // Judged letter by letter, without a parser of HTML that might forgive: what
  // is not one of our tags has no bracket.
  const faults = (html: string) => {
    const found: string[] = []
    const rest = html.replace(tag, (whole, _end, name: string, list: string) => {
      if (!tags.has(name)) found.push(whole)
      for (const [, attribute, value] of list.matchAll(/ ([a-z]+)="([^"]*)"/g)) {
        if (!attributes.has(attribute!)) found.push(whole)
        if (attribute === 'href' && !/^(https?:|mailto:)/i.test(value!)) found.push(whole)
      }
      return ''
    })
    if (/[<>]/.test(rest)) found.push(rest)
    return found
  }

  it('are judged by something that judges', () => {
    for (const bad of ['<script>', '<img src="x">', '<a href="javascript:x">', '<p onclick="x">', '<p onclick=x>', '<p', 'a > b', '<b\n>', '<a href="https://x" id="y">']) {
      expect(faults(bad), bad).not.toEqual([])
    }
    expect(faults('<p>a <a href="https://x" rel="r">b</a><br>\n&lt;script&gt;</p>')).toEqual([])
  })

  it('become nothing but our own tags', { timeout: 120_000 }, () => {
    for (let seed = 0; seed < 20_000; seed++) {
      const text = hostileText(seed)
      const bad = faults(parse(text))
      if (bad.length > 0) expect.fail(`seed ${seed}, ${JSON.stringify(text)}: ${bad.join(' ')}`)
    }
  })

  it('have previews on one line', { timeout: 120_000 }, () => {
    for (let seed = 0; seed < 5_000; seed++) {
      const line = plainLine(hostileText(seed), 50)
      if (line.length > 50 || /[\n\r]/.test(line)) expect.fail(`seed ${seed}: ${JSON.stringify(line)}`)
    }
  })
})

describe('a preview', () => {
  it.each([
    ['**Bold** and `code`', 'Bold and code'],
    ['> quote\n\nanswer', 'quote answer'],
    ['```js\nx()\n```', 'x()'],
    ['[text](https://example.org)', 'text'],
    ['<b>x</b>', '<b>x</b>'],
    ['a\nb', 'a b'],
  ])('of %j is %j', (text, want) => expect(plainLine(text)).toBe(want))
})

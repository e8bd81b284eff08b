// @vitest-environment happy-dom
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Called, findCalls } from './calls'
import { hostileText } from './fakeTexts'
import { parse } from './render'

const mary: Called = { id: 'u1', name: 'Mary', me: false }
const ann: Called = { id: 'u2', name: 'Mary Ann', me: true }
const dot: Called = { id: 'u3', name: 'Dr. No', me: false }
const all: Called = { id: '*', name: '', me: true }
const everybody = [mary, ann, dot, all]
const found = (text: string, called = everybody) => findCalls(text, called).map(({ from, to, who }) => `${text.slice(from, to)}=${who.id}`)

describe('who is called', () => {
  it.each([
    ['@Mary', ['@Mary=u1']],
    ['hello @mary, and you?', ['@mary=u1']],
    ['(@MARY)', ['@MARY=u1']],
    ['@Mary Ann is not @Mary', ['@Mary Ann=u2', '@Mary=u1']],
    ['@Mary. Ann too', ['@Mary=u1']],
    ['@Mary’s and @Mary Ann\'s', ['@Mary=u1', '@Mary Ann=u2']],
    ['@Mary_', ['@Mary=u1']],
    ['@Mary@Mary', ['@Mary=u1']],
    ['@room @Here @channel', ['@room=*', '@Here=*', '@channel=*']],
    ['joe@Mary 1@mary @@mary', ['@mary=u1']],
    ['@Mary👍 and @Mary！', ['@Mary=u1', '@Mary=u1']],
    ['@Maryは来ますか', ['@Mary=u1']],
    ['a@b/@Mary @mary/lib', []],
    ['@Maryland @roommate @Ma ry', []],
    ['@ Mary', []],
  ])('%j', (text, want) => expect(found(text)).toEqual(want))

  it('are those whom the server finds, which runs the same table', () => {
    const table = JSON.parse(readFileSync('../internal/chat/testdata/mentions.json', 'utf8')) as { text: string; mentions: string[]; formerly?: string }[]
    const former = new Map(table.map((c) => [c.mentions[0], c.formerly] as const).filter(([, name]) => name))
    const called = [...new Set(table.flatMap((c) => c.mentions))].map((name) => ({ id: name, name, former: former.get(name), me: false }))
    for (const { text, mentions } of table) {
      const div = document.createElement('div')
      div.innerHTML = parse(text, called)
      const names = [...div.querySelectorAll('.mention')].map((m) => m.getAttribute('value') ?? '*')
      expect([...new Set(names)].sort(), text).toEqual([...mentions].sort())
    }
  })

  it('is only whom the server has found', () => {
    expect(found('@Mary @here', [ann])).toEqual([])
    expect(found('@Mary Ann', [mary])).toEqual(['@Mary=u1'])
  })

  it('is looked for in linear time', () => {
    const began = performance.now()
    for (const text of ['@'.repeat(16_000), `@${'-'.repeat(16_000)}x`, '@a '.repeat(5_000), `@${'a '.repeat(8_000)}`, `@a${'.'.repeat(16_000)}`, "@a's".repeat(4_000)]) findCalls(text, everybody)
    expect(performance.now() - began).toBeLessThan(2_000)
  })
})

describe('a message', () => {
  const dom = (text: string, called = everybody) => {
    const div = document.createElement('div')
    div.innerHTML = parse(text, called)
    return div
  }
  const marked = (text: string) => [...dom(text).querySelectorAll('.mention')].map((m) => m.textContent)

  it('marks them, with what leads to them', () => {
    const root = dom('ask **@Mary Ann**, @Mary\nor @room')
    expect([...root.querySelectorAll('button.mention')].map((b) => [b.textContent, b.getAttribute('value'), b.classList.contains('me')])).toEqual([
      ['@Mary Ann', 'u2', true],
      ['@Mary', 'u1', false],
    ])
    expect(root.querySelector('span.mention.me')!.textContent).toBe('@room')
    expect(root.textContent!.trim()).toBe('ask @Mary Ann, @Mary\nor @room')
  })

  it('does not in code, and not in links', () => {
    expect(marked('`@Mary` and\n```\n@Mary @room\n```\n[to @Mary](https://example.org) https://example.org/@Mary `x`@Mary')).toEqual([])
    expect(marked('- @Mary\n\n> not @room\n\n| a |\n|---|\n| @Mary |')).toEqual(['@Mary', '@Mary'])
    expect(marked('\\\\@Mary, \\@room')).toEqual(['@Mary'])
  })

  it('survives hostile names', () => {
    for (const name of ['"><img src=x onerror=alert(1)>', "o'Neil", '<b>', '$&', 'constructor', 'x"y']) {
      const root = dom(`hello @${name}`, [{ id: '"><script>', name, me: false }])
      expect(root.querySelector('img,script,b')).toBeNull()
      expect(root.textContent!.trim()).toBe(`hello @${name}`)
    }
  })

  it('is otherwise what it was, whatever it says', { timeout: 60_000 }, () => {
    for (let seed = 0; seed < 3_000; seed++) {
      const text = `${hostileText(seed)}@Mary ${hostileText(seed + 1)}@room`
      const with_ = parse(text, everybody)
      const plain = with_.replace(/<button type="button" class="mention[^>]*>([^<]*)<\/button>|<span class="mention[^>]*>([^<]*)<\/span>/g, '$1$2')
      if (plain !== parse(text)) expect.fail(`seed ${seed}: ${JSON.stringify(text)}`)
    }
  })
})

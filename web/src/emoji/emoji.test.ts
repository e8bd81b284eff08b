import { describe, expect, it } from 'vitest'
import { readFileSync } from 'node:fs'
import { emoji as plugin } from '../../scripts/emoji.mjs'
import { endedCode, read, suggest, typedCode } from './emoji'

const files: Record<string, string> = {}
plugin().generateBundle.call({ emitFile: (f: { fileName: string; source: string }) => (files[f.fileName] = f.source) })
const en = read(JSON.parse(files['emoji-en.json']!))
const de = read(JSON.parse(files['emoji-de.json']!))

describe('a short code', () => {
  it.each([
    [':smi', { from: 0, code: 'smi' }],
    ['well :Smi', { from: 5, code: 'smi' }],
    ['(:+1', { from: 1, code: '+1' }],
    [':blüm', { from: 0, code: 'blüm' }],
    [':)', null],
    [':D', null],
    ['10:30', null],
    ['http://x', null],
    ['`:smi', null],
    ['```\na :smi', null],
    ['`a` :smi', { from: 4, code: 'smi' }],
  ])('is seen at the end of %j', (text, want) => expect(typedCode(text, text.length)).toEqual(want))
  it('is seen where the caret is', () => expect(typedCode('a :ro b', 5)).toEqual({ from: 2, code: 'ro' }))
  it('ends with a colon', () => {
    expect(endedCode('go :rocket:', 11)).toEqual({ from: 3, code: 'rocket' })
    expect(endedCode('at 10:30:', 9)).toBeNull()
  })
})

describe('the emoji', () => {
  it('have the codes that people know', () => {
    const known = { '+1': '👍️', tada: '🎉', joy: '😂', heart: '❤️', rocket: '🚀', thinking: '🤔', fire: '🔥', eyes: '👀', white_check_mark: '✅️' }
    for (const [code, want] of Object.entries(known)) expect(en.byCode.get(code)?.emoji.replace('\uFE0F', ''), code).toBe(want.replace('\uFE0F', ''))
  })
  it('have the codes that the server knows', () => {
    const plain = (emoji: string) => emoji.replaceAll('\uFE0F', '')
    const server = new Map(
      readFileSync('../internal/chat/shortcodes.txt', 'utf8').trim().split('\n').map((line) => {
        const [code, emoji] = line.split(' ')
        return [code!, plain(emoji!)]
      }),
    )
    const here = [...en.byCode].map(([code, { emoji }]) => [code, plain(emoji)])
    expect(here.length).toBeGreaterThan(2000)
    expect(here.filter(([code, emoji]) => server.get(code!) !== emoji)).toEqual([])
    for (const e of en.all) expect(e.codes.length, e.emoji).toBeGreaterThan(0)
  })
  it('are the same in every language, under other names', () => {
    expect(de.all.map((e) => e.emoji)).toEqual(en.all.map((e) => e.emoji))
    expect(de.byCode.get('rocket')?.label).toBe('Rakete')
    expect(en.all.length).toBeGreaterThan(1500)
  })
  it('are found: by the whole code first, then its beginning, its parts, and names', () => {
    expect(suggest(en, 'heart', 3).map((e) => e.codes[0])[0]).toBe('heart')
    expect(suggest(en, 'rocke', 3)[0]?.codes).toContain('rocket')
    expect(suggest(de, 'rake', 1)[0]?.emoji).toBe('🚀')
    expect(suggest(en, 'zzzz', 5)).toEqual([])
    expect(suggest(en, 'sm', 8)).toHaveLength(8)
  })
  it('in dist are these', () => expect(readFileSync('dist/emoji-de.json', 'utf8')).toBe(files['emoji-de.json']))
})

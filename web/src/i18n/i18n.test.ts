import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { ApiError, explain } from '../protocol/error'
import { ago, dayName } from '../ui/kit/time'
import { directionOf, formatNumber, fromBrowser, languages, setLanguage, t, type Texts, useLanguage } from '.'
import { en } from './en'

const plural = /_(zero|one|two|few|many|other)$/
const stem = (key: string) => key.replace(plural, '')
const holes = (text: string) => [...text.matchAll(/{{(\w+)}}/g)].map((m) => m[1]!).sort()
const files = import.meta.glob<{ texts: Texts }>(['./*.ts', '!./index.ts', '!./en.ts', '!./*.test.ts'], { eager: true })
const all: Record<string, Texts> = { en, ...Object.fromEntries(Object.entries(files).map(([file, { texts }]) => [file.slice(2, -3), texts])) }
const english: Texts = en

const source = (readdirSync('src', { recursive: true, encoding: 'utf8' }) as string[])
  .filter((f) => /\.tsx?$/.test(f) && !/\.test\.|i18n.(?!index)[\w-]+\.ts$/.test(f))
  .map((f) => readFileSync(join('src', f), 'utf8'))
  .join('\n')

describe.each(Object.keys(languages))('the texts in %s', (language) => {
  const texts = all[language]!
  const singles = (of: Record<string, string>) => Object.keys(of).filter((k) => !plural.test(k)).sort()

  it('are complete, and none is too many', () => {
    expect(singles(texts)).toEqual(singles(en))
    const stems = (of: Record<string, string>) => [...new Set(Object.keys(of).filter((k) => plural.test(k)).map(stem))].sort()
    expect(stems(texts)).toEqual(stems(en))
  })
  it('have every plural form of the language', () => {
    const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories
    for (const s of new Set(Object.keys(texts).filter((k) => plural.test(k)).map(stem))) {
      expect(Object.keys(texts).filter((k) => stem(k) === s).map((k) => k.slice(s.length + 1)).sort(), s).toEqual([...forms].sort())
    }
  })
  it('say something, with the same holes as the English ones', () => {
    for (const [key, text] of Object.entries(texts)) {
      expect(text.trim(), key).not.toBe('')
      const form = plural.exec(key)?.[1]
      const want = holes(english[form ? `${stem(key)}_other` : key] ?? '')
      // A plural form may say its number in words ("a message"), unless it is for many numbers.
      const words = (list: string[]) => (form && !/^(few|many|other)$/.test(form) ? list.filter((h) => h !== 'count' && h !== 'number') : list)
      expect(words(holes(text)), key).toEqual(words(want))
    }
  })
})

it('there is a file for every language, and a language for every file', () => expect(Object.keys(all).sort()).toEqual(Object.keys(languages).sort()))

it('every text is used somewhere', () => {
  const quoted = new Set([...source.matchAll(/'([a-z]\w*\.[\w.]+)'/g)].map((m) => m[1]!))
  const patterns = [...source.matchAll(/`([a-z]\w*\.)((?:\w+\.)*)\${[^`]*`/g)].map(([whole]) => new RegExp('^' + whole.slice(1, -1).replace(/\./g, '\\.').replace(/\${[^}]*}/g, '\\w+') + '$'))
  const unused = Object.keys(en).filter((k) => !quoted.has(stem(k)) && !patterns.some((p) => p.test(stem(k))))
  expect(unused).toEqual([])
})

it('no screen has a text of its own', () => {
  const screens = (readdirSync('src/ui', { recursive: true, encoding: 'utf8' }) as string[]).filter((f) => f.endsWith('.tsx'))
  for (const file of screens) {
    const code = readFileSync(join('src/ui', file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
    expect(code.match(/(?:aria-label|title|placeholder|label|hint)="[^"]*[a-z][^"]*"/g), file).toBeNull()
    expect(code.match(/>\s*[A-Z][a-z]+[ a-z,.’]*\s*<\//g)?.filter((m) => !/=>/.test(m)) ?? [], file).toEqual([])
  }
})

describe('the language', () => {
  afterEach(() => setLanguage(null))

  it.each([
    [['de-AT', 'en'], 'de'],
    [['en-GB'], 'en'],
    [['xx', 'de'], 'de'],
    [['xx-YY', 'yy'], 'en'],
    [['pt-PT', 'en'], 'pt-BR'],
    [['zh-Hans-CN'], 'zh-CN'],
    [['AR-eg'], 'ar'],
    [[], 'en'],
  ])('is the first that the browser wants and there is: %j', (wanted, want) => expect(fromBrowser(wanted)).toBe(want))

  it('can be chosen, and stays', async () => {
    await setLanguage('de')
    expect([t('app.today'), document.documentElement.lang, document.documentElement.dir]).toEqual(['Heute', 'de', 'ltr'])
    expect(localStorage.getItem('parley:language')).toBe('de')
    expect(useLanguage.getState()).toEqual({ chosen: 'de', language: 'de' })
    await setLanguage(null)
    expect([t('app.today'), localStorage.getItem('parley:language')]).toEqual(['Today', null])
  })
  it('counts', async () => {
    expect([1, 2].map((count) => t('list.unsent', { count }))).toEqual(['1 message not sent', '2 messages not sent'])
    await setLanguage('de')
    expect([1, 2].map((count) => t('list.unsent', { count }))).toEqual(['1 Nachricht nicht gesendet', '2 Nachrichten nicht gesendet'])
  })
  it('counts as the language does', async () => {
    await setLanguage('pl')
    expect([1, 3, 5].map((count) => t('list.unsent', { count }))).toEqual(['1 wiadomość niewysłana', '3 wiadomości niewysłane', '5 wiadomości niewysłanych'])
    await setLanguage('ja')
    expect(t('list.unsent', { count: 12_345 })).toBe('未送信のメッセージ 12,345 件')
    await setLanguage('ar')
    expect([1, 2].map((count) => t('list.unsent', { count }))).toEqual(['رسالة واحدة لم تُرسل', 'رسالتان لم تُرسلا'])
    expect(document.documentElement.dir).toBe('rtl')
  })
  it('writes numbers, days and spans of time its own way', async () => {
    const now = new Date(2026, 2, 30, 12).getTime()
    const tuesday = new Date(2026, 2, 24).toISOString()
    expect([formatNumber(12345.5), dayName(tuesday, now), ago(new Date(now - 20 * 60_000).toISOString(), now)]).toEqual(['12,345.5', 'Tuesday', '20 minutes ago'])
    await setLanguage('de')
    expect([formatNumber(12345.5), dayName(tuesday, now), ago(new Date(now - 20 * 60_000).toISOString(), now)]).toEqual(['12.345,5', 'Dienstag', 'vor 20 Minuten'])
  })
  it('says what the server refuses, which speaks English only', async () => {
    const taken = new ApiError('conflict', 'this name is taken', { field: 'name' })
    expect(explain(taken)).toBe('This name is taken.')
    await setLanguage('de')
    expect([explain(taken), explain(new ApiError('forbidden', 'You are not allowed to do this.')), explain(new ApiError('unavailable', '', { text: 'error.late' }))]).toEqual([
      'Dieser Name ist vergeben.', 'Dazu hast du keine Berechtigung.', 'Der Server hat zu lange nicht geantwortet.',
    ])
  })
  it('says what stands in the way, in local time, whatever the server says', async () => {
    const until = new Date(2031, 2, 1, 12, 30).toISOString()
    const banned = new ApiError('forbidden', 'you are banned', { because: { kind: 'banned', until, reason: 'spam' } })
    expect(explain(banned)).toMatch(/^You’re banned from this room until .*2031.*12:30.PM\. Reason: Spam\.$/)
    await setLanguage('de')
    expect(explain(banned)).toMatch(/^Du bist aus diesem Raum verbannt bis .*2031.*12:30\. Grund: Spam\.$/)
    expect(explain(new ApiError('forbidden', 'you may not', { because: { kind: 'eclipse' } }))).toBe('Dazu hast du keine Berechtigung.')
  })
  it('runs from right to left where it does', () => expect(['ar', 'he-IL', 'fa', 'de', 'en-US'].map(directionOf)).toEqual(['rtl', 'rtl', 'rtl', 'ltr', 'ltr']))
})

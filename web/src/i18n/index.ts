// The language of the page: which one, its texts, and how it writes numbers and
// dates.

import { create } from 'zustand'
import { en } from './en'

/** The languages there are, under their own names. docs/languages.md says how to add one. */
export const languages = {
  en: 'English', ar: 'العربية', de: 'Deutsch', es: 'Español', fr: 'Français', it: 'Italiano', ja: '日本語', nl: 'Nederlands', pl: 'Polski', 'pt-BR': 'Português (Brasil)', 'zh-CN': '简体中文',
}
export type Language = keyof typeof languages
/** Texts by their keys. What a language lacks is shown in English. */
export type Texts = Record<string, string>

/** Texts of other languages than English are loaded when they are needed. */
const others: Record<Exclude<Language, 'en'>, () => Promise<{ texts: Texts }>> = {
  ar: () => import('./ar'),
  de: () => import('./de'),
  es: () => import('./es'),
  fr: () => import('./fr'),
  it: () => import('./it'),
  ja: () => import('./ja'),
  nl: () => import('./nl'),
  pl: () => import('./pl'),
  'pt-BR': () => import('./pt-BR'),
  'zh-CN': () => import('./zh-CN'),
}

type Plural = `${string}_${'zero' | 'one' | 'two' | 'few' | 'many' | 'other'}`
type Stem<K> = K extends `${infer S}_other` ? S : never
/** The keys of all texts; of one with plural forms, what they begin with. */
export type Key = Exclude<keyof typeof en, Plural> | Stem<keyof typeof en>

const storageKey = 'parley:language'
const isLanguage = (l: unknown): l is Language => typeof l === 'string' && Object.hasOwn(languages, l)

const base = (language: string) => language.toLowerCase().split('-')[0]!

/** The first of the browser's languages that there is, if need be of another region, else English. */
export function fromBrowser(wanted: readonly string[] = navigator.languages): Language {
  const all = Object.keys(languages) as Language[]
  for (const w of wanted) {
    const found = all.find((l) => l.toLowerCase() === w.toLowerCase()) ?? all.find((l) => base(l) === base(w))
    if (found) return found
  }
  return 'en'
}

function stored(): Language | null {
  try {
    const l = localStorage.getItem(storageKey)
    return isLanguage(l) ? l : null
  } catch {
    return null
  }
}

/** What was chosen in this browser, null for what the browser says; and what follows from it. */
export const useLanguage = create<{ chosen: Language | null; language: Language }>()(() => {
  const chosen = stored()
  return { chosen, language: chosen ?? fromBrowser() }
})

/** The texts that are loaded, by language. */
const loaded = new Map<Language, Texts>([['en', en]])
const plurals = new Map<Language, Intl.PluralRules>()

function find(language: Language, key: string, count: number | undefined): string | undefined {
  const texts = loaded.get(language)
  if (!texts || count === undefined) return texts?.[key]
  let rules = plurals.get(language)
  if (!rules) plurals.set(language, (rules = new Intl.PluralRules(language)))
  return texts[`${key}_${rules.select(count)}`] ?? texts[key]
}

/** A text of the page's language, or in English where that has none. `count` chooses the plural form. */
export function t(key: Key, values?: Record<string, string | number>): string {
  const count = typeof values?.count === 'number' ? values.count : undefined
  const text = find(useLanguage.getState().language, key, count) ?? find('en', key, count) ?? key
  if (!values) return text
  return text.replace(/{{(\w+)}}/g, (hole, name: string) => {
    const value = values[name]
    return typeof value === 'number' ? formatNumber(value) : (value ?? hole)
  })
}

export const isKey = (key: string): key is Key => Object.hasOwn(en, key)
export const speaksEnglish = (): boolean => useLanguage.getState().language === 'en'

const rightToLeft = new Set(['ar', 'dv', 'fa', 'he', 'ku', 'ps', 'sd', 'ug', 'ur', 'yi'])
export const directionOf = (language: string): 'ltr' | 'rtl' => (rightToLeft.has(language.split('-')[0]!) ? 'rtl' : 'ltr')

/** The page's language, in the region that the browser names where it is the same language: en-GB writes dates unlike en-US. */
export function locale(): string {
  const { language } = useLanguage.getState()
  return navigator.languages.find((l) => base(l) === base(language)) ?? language
}

const numbers = new Map<string, Intl.NumberFormat>()
export function formatNumber(n: number): string {
  const l = locale()
  let f = numbers.get(l)
  if (!f) numbers.set(l, (f = new Intl.NumberFormat(l)))
  return f.format(n)
}

const lists = new Map<string, Intl.ListFormat>()
/** Names in a row: “Anna, Ben and Cleo”. */
export function formatList(names: string[]): string {
  const l = locale()
  let f = lists.get(l)
  if (!f) lists.set(l, (f = new Intl.ListFormat(l)))
  return f.format(names)
}

function apply(language: Language): void {
  document.documentElement.lang = language
  document.documentElement.dir = directionOf(language)
}
apply(useLanguage.getState().language)

/** Makes the texts of a language ready; without them English is shown. */
export async function loadTexts(language: Language): Promise<void> {
  if (language !== 'en' && !loaded.has(language)) loaded.set(language, (await others[language]()).texts)
}

/** Changes the language, now and for the next visits. Null: what the browser says. */
export async function setLanguage(chosen: Language | null): Promise<void> {
  try {
    if (chosen) localStorage.setItem(storageKey, chosen)
    else localStorage.removeItem(storageKey)
  } catch {
    // It holds until the page is closed.
  }
  const language = chosen ?? fromBrowser()
  await loadTexts(language).catch(() => {}) // no connection, or the server has a newer client
  apply(language)
  useLanguage.setState({ chosen, language })
}

// Emoji by their short codes: the data of one language, loaded when first
// needed, and what is found in it.

import { at } from '../protocol/base'
import type { CustomEmoji } from '../protocol/types'

/** One emoji: itself, its name, its short codes, its group, and other words that it is found by. */
export interface Emoji {
  emoji: string
  label: string
  codes: string[]
  group: number
  tags: string[]
}

export interface Emojis {
  groups: { index: number; label: string }[]
  all: Emoji[]
  byCode: ReadonlyMap<string, Emoji>
}

interface File {
  groups: [number, string][]
  emojis: [string, string, string, number, string][]
}

/** Reads what scripts/emoji.mjs has written. */
export function read(file: File): Emojis {
  const words = (text: string) => (text ? text.split(' ') : [])
  const all = file.emojis.map(([emoji, label, codes, group, tags]) => ({ emoji, label, codes: words(codes), group, tags: words(tags) }))
  return {
    groups: file.groups.map(([index, label]) => ({ index, label })),
    all,
    byCode: new Map(all.flatMap((e) => e.codes.map((c) => [c, e] as const))),
  }
}

/** The group of the custom ones. */
export const customGroup = -1

/** The emoji with those of this server before them. */
export function withCustom(emojis: Emojis, custom: readonly CustomEmoji[], label = ''): Emojis {
  if (custom.length === 0) return emojis
  const own = custom.map((e) => ({ emoji: `:${e.name}:`, label: e.name.replaceAll('_', ' '), codes: [e.name, ...(e.alias ? [e.alias] : [])], group: customGroup, tags: [] }))
  return {
    groups: [{ index: customGroup, label }, ...emojis.groups],
    all: [...own, ...emojis.all],
    byCode: new Map([...emojis.byCode, ...own.flatMap((e) => e.codes.map((c) => [c, e] as const))]),
  }
}

const loads = new Map<string, Promise<Emojis>>()

/** Languages whose emoji are in the file of another one. */
const files: Record<string, string> = { ar: 'en', 'pt-BR': 'pt', 'zh-CN': 'zh' }

/** The emoji in a language. Fails where the server cannot be reached; the next call tries again. */
export function loadEmojis(language: string): Promise<Emojis> {
  const known = loads.get(language)
  if (known) return known
  const load = fetch(at(`/emoji-${files[language] ?? language}.json`))
    .then((res) => (res.ok ? (res.json() as Promise<File>) : Promise.reject(new Error(`the emoji: ${res.status}`))))
    .then(read)
  load.catch(() => loads.delete(language))
  loads.set(language, load)
  return load
}

/** A short code in the writing: where its colon stands, and what of it is there. */
export interface Typed {
  from: number
  code: string
}

/** The short code that ends at the caret, if one is being written. Two letters at least: ":D" and ":)" are what they are. */
export function typedCode(text: string, caret: number): Typed | null {
  const match = /(?:^|[\s(\p{P}])(:([\p{L}\p{N}_+-]{2,40}))$/u.exec(text.slice(0, caret))
  if (!match || insideCode(text.slice(0, caret))) return null
  return { from: caret - match[1]!.length, code: match[2]!.toLowerCase() }
}

/** The whole short code that a colon just ended, if any. */
export function endedCode(text: string, caret: number): Typed | null {
  return text[caret - 1] === ':' ? typedCode(text, caret - 1) : null
}

/** In code, colons mean colons. */
const insideCode = (before: string) => ((before.match(/```/g)?.length ?? 0) % 2 === 1) || ((before.slice(before.lastIndexOf('\n') + 1).match(/`/g)?.length ?? 0) % 2 === 1)

/** The emoji that fit what was typed, best first. */
export function suggest(emojis: Emojis, typed: string, most: number): Emoji[] {
  const score = (e: Emoji): number => {
    if (e.codes.includes(typed)) return 5
    if (e.codes.some((c) => c.startsWith(typed))) return 4
    if (e.codes.some((c) => c.split('_').some((part) => part.startsWith(typed)))) return 3
    if (e.label.toLowerCase().split(/[\s-]+/).some((w) => w.startsWith(typed))) return 2
    return e.tags.some((w) => w.startsWith(typed)) ? 1 : 0
  }
  return emojis.all
    .map((e) => ({ e, score: score(e) }))
    .filter((f) => f.score > 0)
    .sort((a, b) => b.score - a.score) // stable: of equals, the usual order of emoji
    .slice(0, most)
    .map((f) => f.e)
}

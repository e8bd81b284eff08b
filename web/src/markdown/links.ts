// Where a web link in a text begins and ends: the rule of internal/chat, with
// which it shares testdata/links.json.

import { characterBefore, inWord } from './script'

/** A link's place in a text. */
export interface Link {
  from: number
  to: number
  /** It stands between < and >: its author wants no preview. */
  bracketed: boolean
}

/** Spaces, controls, what is not seen, what addresses have only in encoded form, punctuation of scripts without spaces, and another link in a list. */
const ends = /[\s\p{Cc}<>"|\\^{}`“”„«»\u3000-\u3004\u3008-\u303f]|(?![\u200c\u200d])\p{Cf}|(?![\p{L}\p{N}])[\uff01-\uff65]|[,;](?=https?:\/\/)/iu
/** What a link has behind its scheme: a letter or a number before the port, the path or what follows it. */
const hasHost = /^(?:[^/?#@]*@)?[^/?#@:\p{L}\p{N}]*[\p{L}\p{N}]|^(?:[^/?#@]*@)?\[[\dA-Fa-f:.]+\]/u
/**
 * Punctuation at the end of a link belongs to the sentence around it, in
 * whatever script. A host alone is not followed by signs, either.
 */
const punctuation = /[.,;:!?'*_~([’…،؛؟۔।॥։።፣។၊။།]/
const bareEnd = new RegExp(`${punctuation.source}|[\\p{S}\\ufe0f\\u200d]`, 'u')
const closes: Record<string, string> = { ')': '(', ']': '[' }

/** The link that begins with its scheme at a place, as a reader sees it: without the full stop of the sentence around it. Null if there is no more than a scheme. */
export function linkAt(text: string, from: number): Link | null {
  const scheme = /^https?:\/\//i.exec(text.slice(from, from + 8))?.[0]
  if (!scheme || inWord(characterBefore(text, from))) return null
  const length = text.slice(from).search(ends)
  let to = length < 0 ? text.length : from + length
  const bracketed = text[from - 1] === '<' && text[to] === '>'
  if (!bracketed) {
    // A bracket that the link does not open belongs to what stands around it.
    const open: Record<string, number> = { '(': 0, '[': 0 }
    for (let i = from; i < to; i++) {
      const c = text[i]!
      if (c in open) open[c]!++
      else if (closes[c] && --open[closes[c]]! < 0) to = i
    }
    // A quotation mark that closes one in the link stays. Signs such as emoji end a link that is a host alone.
    const quotes = () => text.slice(from, to).split("'").length - 1
    const beyond = /[/?#]/.test(text.slice(from + scheme.length, to)) ? punctuation : bareEnd
    while (to > from + scheme.length) {
      const last = characterBefore(text, to)
      if (!beyond.test(last) || (last === "'" && quotes() % 2 === 0)) break
      to -= last.length
    }
  }
  return hasHost.test(text.slice(from + scheme.length, to)) ? { from, to, bracketed } : null
}

/** All links of a text without code. */
export function findLinks(text: string): Link[] {
  const found: Link[] = []
  const scheme = /https?:\/\//gi
  for (let match = scheme.exec(text); match; match = scheme.exec(text)) {
    const link = linkAt(text, match.index)
    if (!link) continue
    found.push(link)
    scheme.lastIndex = link.to
  }
  return found
}

/** Letters of languages. Those of phonetics, and wide ones, look like others. */
const latin = /^[a-z0-9\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff-]*$/i
const eastAsian = /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}ー0-9-]*$/u

/**
 * A link as it is shown: as it was written, but with the host's true name where its letters may look like others. So a host that begins
 * with xn-- stays as it is, and one in Cyrillic letters becomes xn--….
 */
export function shownLink(url: string): string {
  return writtenHost(url).split('.').every((label) => latin.test(label) || eastAsian.test(label)) ? url : withTrueHost(url)
}

const writtenHost = (url: string): string => /^[a-z]+:\/\/(?:[^/?#@]*@)?([^/?#:[]*)/i.exec(url)?.[1] ?? ''

/** A link with its host as browsers look it up. */
export function withTrueHost(url: string): string {
  const host = writtenHost(url)
  if (/^[\x00-\x7f]*$/.test(host)) return url
  try {
    const { hostname } = new URL(url)
    return url.replace(host, () => hostname)
  } catch {
    return url
  }
}

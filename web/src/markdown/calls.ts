// People who are mentioned by @name in a message. The server has found them;
// here they are found again in its text, by the same rule: both hold to
// internal/chat/testdata/mentions.json.

import type MarkdownIt from 'markdown-it'
import { everyone } from '../protocol/types'
import { characterBefore, inWord, unspaced } from './script'

/**
 * Someone who is mentioned: their name, the one before, and whether that is
 * this page's person.
 */
export interface Called {
  id: string
  name: string
  former?: string | undefined
  me: boolean
}

/** The words that mention everyone, as the server knows them. */
const words = new Set(['room', 'all', 'channel', 'everyone', 'here'])
/** The signs that a mention may begin with: also the wide and the small one of East Asian keyboards. */
const ats = /[@＠﹫]/g
const mostWords = 4
const longestWord = 24
const longestName = 400

const fold = (text: string) => text.normalize('NFKC').toLowerCase()
/** What follows the @ of something else: of a package (@scope/name), or of an account elsewhere (@name@host.example, @name:host.example). */
const address = /^(?:[A-Za-z0-9_.-]+\/[A-Za-z0-9]|[\p{L}\p{N}_.-]+[@:][\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2})/u

/** Where in a text people are mentioned, in order: from the @ to the end of the name. Before is what stands before the text. */
export function findCalls(text: string, called: readonly Called[], before = ''): { from: number; to: number; who: Called }[] {
  const people = called.filter((c) => c.id !== everyone)
  const formerly = people.filter((c) => c.former).map((c): [string, Called] => [fold(c.former!), c])
  const byName = new Map([...formerly, ...people.map((c): [string, Called] => [fold(c.name), c])])
  const all = called.find((c) => c.id === everyone)
  const who = (name: string) => (words.has(fold(name)) ? all : byName.get(fold(name)))
  const found: { from: number; to: number; who: Called }[] = []
  for (const { index: from } of text.matchAll(ats)) {
    if (!begins(text, from, before)) continue
    const after = text.slice(from + 1, from + 1 + longestName)
    const run = /^[\p{L}\p{N}\p{M}_.'’-][\p{L}\p{N}\p{M} _.'’-]*/u.exec(after)?.[0]
    if (!run || address.test(after)) continue
    for (const name of names(run)) {
      const person = who(name)
      if (!person) continue
      found.push({ from, to: from + 1 + name.length, who: person })
      break
    }
  }
  return found
}

/** Whether a mention can begin with the @ at that place. */
function begins(text: string, at: number, before: string): boolean {
  const last = at > 0 ? characterBefore(text, at) : before
  // A path, unless it is @one/@another.
  if (last === '/') return /(?:^|\s)[@＠﹫]\S*$/.test(text.slice(Math.max(0, at - longestName), at))
  return !inWord(last)
}

/** The names that a text may begin with, the longest first. A name ends with a word; in a script without spaces also within one. */
function* names(run: string): Generator<string> {
  const parts = run.split(' ').slice(0, mostWords)
  const end = parts.indexOf('')
  if (end >= 0) parts.length = end
  for (let n = parts.length - 1; n >= 0; n--) {
    const before = parts.slice(0, n).map((p) => `${p} `).join('')
    const last = parts[n]!.replace(/[-_.'’]+$/, '')
    for (const length of lengths(last)) {
      const name = before + last.slice(0, length)
      yield name
      if (/['’]s$/.test(name)) yield name.slice(0, -2)
    }
  }
}

/** After how many letters of a word a name may end, the last first. */
function lengths(word: string): number[] {
  const all: number[] = []
  let at = 0
  let last = ''
  for (const c of Array.from(word.slice(0, longestWord * 2)).slice(0, longestWord + 1)) {
    if (at > 0 && !/\p{M}/u.test(c) && (unspaced.test(last) || unspaced.test(c))) all.push(at)
    at += c.length
    last = c
  }
  return [...all, word.length].reverse()
}

/** Marks those in env.called, outside of code, links and quotations. */
export function markCalls(md: InstanceType<typeof MarkdownIt>): void {
  // An escaped @ is no mention. It would not be known from others later.
  md.core.ruler.before('text_join', 'escaped_at', (state) => {
    for (const { children } of state.tokens) for (const token of children ?? []) if (token.type === 'text_special' && token.content === '@') token.type = 'escaped_at'
  })
  md.renderer.rules.escaped_at = () => '@'
  md.core.ruler.push('calls', (state) => {
    const called = (state.env as { called?: readonly Called[] }).called
    if (!called?.length) return
    let quotes = 0
    for (const block of state.tokens) {
      if (block.type === 'blockquote_open') quotes++
      if (block.type === 'blockquote_close') quotes--
      if (!block.children || quotes > 0) continue
      let links = 0
      block.children = block.children.flatMap((token, i, all) => {
        if (token.type === 'link_open') links++
        if (token.type === 'link_close') links--
        if (token.type !== 'text' || links > 0 || token.content.search(ats) < 0) return [token]
        const pieces: typeof all = []
        let at = 0
        const text = (to: number) => {
          if (to <= at) return
          const piece = new state.Token('text', '', 0)
          piece.content = token.content.slice(at, to)
          pieces.push(piece)
        }
        // Nothing is mentioned right behind code.
        const last = all[i - 1]
        const before = last?.type === 'code_inline' ? 'x' : last?.type === 'text' ? characterBefore(last.content, last.content.length) : ''
        for (const { from, to, who } of findCalls(token.content, called, before)) {
          text(from)
          const piece = new state.Token('call', '', 0)
          piece.content = token.content.slice(from, to)
          piece.meta = { who }
          pieces.push(piece)
          at = to
        }
        text(token.content.length)
        return pieces
      })
    }
  })
  md.renderer.rules.call = (tokens, i) => {
    const { content, meta } = tokens[i]!
    const { id, me } = (meta as unknown as { who: Called }).who
    const name = md.utils.escapeHtml(content)
    const classes = `mention${me ? ' me' : ''}`
    return id === everyone ? `<span class="${classes}">${name}</span>` : `<button type="button" class="${classes}" value="${md.utils.escapeHtml(id)}">${name}</button>`
  }
}

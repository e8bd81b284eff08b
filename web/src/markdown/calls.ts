// People who are called by @name in a message: the server has found them, here
// they are found again in its text.

import type MarkdownIt from 'markdown-it'
import { everyone } from '../protocol/types'

/** Somebody who is called: their name, and whether that is this page's person. */
export interface Called {
  id: string
  name: string
  me: boolean
}

/** The words that call everybody, as the server knows them. */
const words = new Set(['room', 'all', 'channel', 'everyone', 'here'])
const mostWords = 4
const longestName = 400

const fold = (text: string) => text.normalize('NFKC').toLowerCase()
const letter = /[\p{L}\p{N}]/u

/** Where in a text people are called, in order: from the @ to the end of the name. */
export function findCalls(text: string, called: readonly Called[], before = ''): { from: number; to: number; who: Called }[] {
  const byName = new Map(called.filter((c) => c.id !== everyone).map((c) => [fold(c.name), c]))
  const all = called.find((c) => c.id === everyone)
  const found: { from: number; to: number; who: Called }[] = []
  for (const match of text.matchAll(/@(?=([\p{L}\p{N}\p{M}_.'’-]+(?: [\p{L}\p{N}\p{M}_.'’-]+)*))/gu)) {
    const from = match.index
    const last = found[found.length - 1]
    if ((last && from < last.to) || letter.test(from > 0 ? text.slice(0, from).at(-1)! : before)) continue
    const parts: string[] = []
    for (const word of match[1]!.slice(0, longestName).split(' ').slice(0, mostWords)) {
      const trimmed = word.replace(/[-_.'’]+$/, '')
      parts.push(trimmed)
      if (trimmed !== word) break // a sentence ends here
    }
    const hit = all && words.has(fold(parts[0]!)) ? { name: parts[0]!, who: all } : longest(parts, byName)
    if (hit) found.push({ from, to: from + 1 + hit.name.length, who: hit.who })
  }
  return found
}

function longest(parts: string[], byName: Map<string, Called>): { name: string; who: Called } | null {
  for (let n = parts.length; n > 0; n--) {
    const name = parts.slice(0, n).join(' ')
    const base = name.replace(/['’]s$/, '')
    for (const candidate of base === name ? [name] : [name, base]) {
      const who = byName.get(fold(candidate))
      if (who) return { name: candidate, who }
    }
  }
  return null
}

/** Marks those in env.called, outside of code and links. */
export function markCalls(md: InstanceType<typeof MarkdownIt>): void {
  md.core.ruler.push('calls', (state) => {
    const called = (state.env as { called?: readonly Called[] }).called
    if (!called?.length) return
    for (const block of state.tokens) {
      if (!block.children) continue
      let links = 0
      block.children = block.children.flatMap((token, i, all) => {
        if (token.type === 'link_open') links++
        if (token.type === 'link_close') links--
        if (token.type !== 'text' || links > 0 || !token.content.includes('@')) return [token]
        const pieces: typeof all = []
        let at = 0
        const text = (to: number) => {
          if (to <= at) return
          const piece = new state.Token('text', '', 0)
          piece.content = token.content.slice(at, to)
          pieces.push(piece)
        }
        const before = all[i - 1]?.type === 'text' || all[i - 1]?.type === 'code_inline' ? all[i - 1]!.content.at(-1) : ''
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

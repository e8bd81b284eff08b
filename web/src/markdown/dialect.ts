// Markdown as people mean it in a chat: docs/markdown.md says what it is, and
// its examples are this folder's tests. A message is not a document, so what
// looks like a mark by accident stays as it was written.

import MarkdownIt from 'markdown-it'
import cjkFriendly from 'markdown-it-cjk-friendly'
import { markCalls } from './calls'
import { linkAt, shownLink } from './links'
import { inWord } from './script'

type Parser = InstanceType<typeof MarkdownIt>
type BlockRule = Parameters<Parser['block']['ruler']['at']>[1]

/** A text that is too much to be formatted. */
export class TooMuch extends Error {}

/** What one message may cost. */
export const budget = { tokens: 6_000, cells: 600, steps: 60_000, ms: 1_000 }

/** Fewer steps than this take no time: if the clock says otherwise, the whole page stood still. */
const fewSteps = 4_000

const longestNumber = 3 // digits of an item's number: 2026. is a year

export function dialect(): Parser {
  const md = new MarkdownIt('default', { html: false, linkify: false, breaks: true, typographer: false, maxNesting: 20 })
  md.disable(['image', 'reference', 'html_block', 'html_inline', 'code', 'lheading'])
  md.use(cjkFriendly)
  stars(md)
  lists(md)
  lines(md)
  links(md)
  markCalls(md)
  bounds(md)
  return md
}

/** A star inside a word, or between numbers, is a star, and two underscores are two underscores. */
function stars(md: Parser): void {
  const State = md.inline.State
  md.inline.State = class extends State {
    override scanDelims(start: number, canSplitWord: boolean) {
      const found = super.scanDelims(start, canSplitWord)
      if (this.src[start] === '_' && found.length > 1) return { ...found, can_open: false, can_close: false }
      if (this.src[start] !== '*') return found
      const before = /[^]?$/u.exec(this.src.slice(Math.max(0, start - 2), start))![0]
      const after = String.fromCodePoint(this.src.codePointAt(start + found.length) ?? 32)
      return { ...found, can_open: found.can_open && !inWord(before), can_close: found.can_close && !inWord(after) }
    }
  }
}

/** A rule of the block parser, by its name. */
const ruleOf = (name: string): BlockRule => new MarkdownIt('zero').enable(name).block.ruler.getRules('')[0]!

/** Items have their own numbers, which are short, and something in them. */
function lists(md: Parser): void {
  const list = ruleOf('list')
  const item = new RegExp(`^(?:[-*]|\\d{1,${longestNumber}}[.)])[ \\t]+(?=[^\\s])(?![-*\\s]+$)`)
  md.block.ruler.at('list', (state, from, to, silent) => {
    const line = state.src.slice(state.bMarks[from]! + state.tShift[from]!, state.eMarks[from])
    return item.test(line) && list(state, from, to, silent)
  }, { alt: ['paragraph', 'reference', 'blockquote'] })
  md.renderer.rules.list_item_open = (tokens, i, options, _env, self) => {
    const token = tokens[i]!
    if (token.info) token.attrSet('value', token.info)
    return self.renderToken(tokens, i, options)
  }
  md.core.ruler.push('tasks', (state) => {
    state.tokens.forEach((token, i, all) => {
      const first = token.type === 'inline' && all[i - 2]?.type === 'list_item_open' ? token.children?.[0] : undefined
      if (first?.type === 'text') first.content = first.content.replace(/^\[([ xX])\] /, (_, x: string) => (x === ' ' ? '☐ ' : '☑ '))
    })
  })
}

/** A quotation ends with its last >, a line of dashes divides only where it stands alone, and ``` ends what ``` within a line began. */
function lines(md: Parser): void {
  const fence = ruleOf('fence')
  md.block.ruler.at('fence', (state, from, to, silent) => {
    const before = silent ? state.src.slice(state.bMarks[state.line], state.bMarks[from]) : ''
    return (before.match(/`{3,}/g)?.length ?? 0) % 2 === 0 && fence(state, from, to, silent)
  }, { alt: ['paragraph', 'reference', 'blockquote', 'list'] })
  md.block.ruler.before('paragraph', 'quotation_end', (state, _from, _to, silent) => silent && (state.parentType as string) === 'blockquote', { alt: ['blockquote'] })
  const hr = ruleOf('hr')
  md.block.ruler.at('hr', (state, from, to, silent) => {
    const blank = (line: number) => line < 0 || line >= to || state.isEmpty(line)
    const dashes = /^-{3,}\s*$/.test(state.src.slice(state.bMarks[from]! + state.tShift[from]!, state.eMarks[from]))
    return dashes && to > 1 && blank(from - 1) && blank(from + 1) && hr(state, from, to, silent)
  }, { alt: ['paragraph', 'reference', 'blockquote', 'list'] })
}

/** Links begin and end where the server says that they do, and show what they lead to. */
function links(md: Parser): void {
  md.normalizeLinkText = shownLink
  md.inline.ruler.at('linkify', (state, silent) => {
    const scheme = /https?$/i.exec(state.src.slice(Math.max(0, state.pos - 5), state.pos))?.[0]
    if (state.src[state.pos] !== ':' || !scheme || state.linkLevel > 0 || !state.pending.endsWith(scheme)) return false
    const link = linkAt(state.src, state.pos - scheme.length)
    if (!link || link.to > state.posMax) return false
    const url = state.src.slice(link.from, link.to)
    const href = md.normalizeLink(url)
    if (!md.validateLink(href)) return false
    if (!silent) {
      state.pending = state.pending.slice(0, -scheme.length)
      state.push('link_open', 'a', 1).attrs = [['href', href]]
      state.push('text', '', 0).content = (state.env as { labels?: Record<string, string> }).labels?.[url] ?? shownLink(url)
      state.push('link_close', 'a', -1)
    }
    state.pos = link.to
    return true
  })
}

/** Gives up on what would take long: too many pieces, too many cells, or too much time. */
function bounds(md: Parser): void {
  let steps = 0
  let until = 0
  md.core.ruler.before('normalize', 'begin', () => {
    steps = 0
    until = performance.now() + budget.ms
  })
  const step = () => {
    if (++steps > budget.steps || (steps > fewSteps && performance.now() > until)) throw new TooMuch()
    return false
  }
  md.inline.ruler.before('text', 'bounds', step)
  md.block.ruler.before('table', 'bounds', step)
  md.core.ruler.after('block', 'cells', (state) => {
    let cells = 0
    for (const { type } of state.tokens) if (type === 'td_open' || type === 'th_open') cells++
    if (cells > budget.cells || state.tokens.length > budget.tokens) throw new TooMuch()
  })
  md.core.ruler.push('tokens', (state) => {
    if (state.tokens.reduce((sum, token) => sum + 1 + (token.children?.length ?? 0), 0) > budget.tokens) throw new TooMuch()
  })
}

// Markdown as people mean it in a chat: docs/markdown.md says what it is, and
// its examples are this folder's tests. A message is not a document, so what
// looks like a mark by accident stays as it was written.

import MarkdownIt from 'markdown-it'
import cjkFriendly from 'markdown-it-cjk-friendly'
import { markCalls } from './calls'
import { markEmoji } from './customEmoji'
import { linkAt, shownLink, withTrueHost } from './links'
import { inWord, isBlank } from './script'

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
  md.disable(['image', 'reference', 'html_block', 'html_inline', 'code', 'lheading', 'entity'])
  md.use(cjkFriendly)
  stars(md)
  backslashes(md)
  lists(md)
  lines(md)
  fences(md)
  links(md)
  labels(md)
  markCalls(md)
  markEmoji(md)
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

const shrug = '\\_(ツ)_/¯'

/** A backslash takes a mark's meaning away. Before anything else it is a backslash, as in \\\\server\\share and at the end of a line, and so it is in ¯\\_(ツ)_/¯. */
function backslashes(md: Parser): void {
  const escape = new MarkdownIt('zero').enable('escape').inline.ruler.getRules('').at(-1)!
  const run = /\\+/y
  md.inline.ruler.at('escape', (state, silent) => {
    const { src, pos, posMax } = state
    if (src[pos] !== '\\') return false
    run.lastIndex = pos
    let end = Math.min(pos + run.exec(src)![0].length, posMax)
    if (src.startsWith(shrug, pos) && src[pos - 1] === '¯') end = pos + shrug.length
    else if (end < posMax && /[!-/:-@[-`{-~]/.test(src[end]!)) return escape(state, silent)
    if (!silent) state.pending += src.slice(pos, end)
    state.pos = end
    return true
  })
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

/** What follows a > that begins no quotation: the rest of a face, such as >:( or >_<, and of >=. The server has the same rule. */
const face = /^(?:=|(?:[:;]['-]?[()DPpOo3|/\\<>]|[._-]?<|[._]>)(?:[^\p{L}\p{N}]|$))/u
const mostBlank = 20 // lines

/**
 * A quotation ends with its last >, a table with its last |, a line of dashes divides only where it stands alone, and there is nothing to
 * be seen in a heading or a quotation without a text.
 */
function lines(md: Parser): void {
  const quote = ruleOf('blockquote')
  md.block.ruler.at('blockquote', (state, from, to, silent) => {
    const line = (at: number) => state.src.slice(state.bMarks[at]! + state.tShift[at]!, state.eMarks[at])
    if (face.test(line(from).slice(1))) return false
    let blank = from
    while (blank < to && blank < from + mostBlank && /^>[>\s]*$/.test(line(blank))) blank++
    if (blank > from && (blank === to || (blank < from + mostBlank && !line(blank).startsWith('>')))) return false
    return quote(state, from, to, silent)
  }, { alt: ['paragraph', 'reference', 'blockquote', 'list'] })
  md.block.ruler.before('paragraph', 'end', (state, from, _to, silent) => {
    if (!silent) return false
    if ((state.parentType as string) === 'table') return !state.src.slice(state.bMarks[from], state.eMarks[from]).includes('|')
    return (state.parentType as string) === 'blockquote'
  }, { alt: ['blockquote'] })
  const heading = ruleOf('heading')
  md.block.ruler.at('heading', (state, from, to, silent) =>
    /^#+[ \t]+(?!#*\s*$)/.test(state.src.slice(state.bMarks[from]! + state.tShift[from]!, state.eMarks[from])) && heading(state, from, to, silent),
  { alt: ['paragraph', 'reference', 'blockquote'] })
  const hr = ruleOf('hr')
  md.block.ruler.at('hr', (state, from, to, silent) => {
    const blank = (line: number) => line < 0 || line >= to || state.isEmpty(line)
    const dashes = /^-{3,}\s*$/.test(state.src.slice(state.bMarks[from]! + state.tShift[from]!, state.eMarks[from]))
    return dashes && to > 1 && blank(from - 1) && blank(from + 1) && hr(state, from, to, silent)
  }, { alt: ['paragraph', 'reference', 'blockquote', 'list'] })
}

const isLanguage = /^\s*[\w+#.-]{0,20}\s*$/

/**
 * A block of code ends with the next ``` that begins or ends a line, and what follows it there is text again. What stands behind the first ```
 * is code, too, unless it is a word, which names a language. The server has the same rule.
 */
function fences(md: Parser): void {
  md.block.ruler.at('fence', (state, from, to, silent) => {
    const start = (line: number) => state.bMarks[line]! + state.tShift[line]!
    const text = (line: number) => state.src.slice(start(line), state.eMarks[line])
    const begin = /^(`{3,})([^`]*)$|^(~{3,})[ \t]*([\w+#.-]*)[ \t]*$/.exec(text(from))
    if (!begin) return false
    if (silent) { // ``` ends what ``` within a line of the paragraph began
      const before = state.src.slice(state.bMarks[state.line], state.bMarks[from])
      return (before.match(/`{3,}/g)?.length ?? 0) % 2 === 0
    }
    const marks = begin[1] ?? begin[3]!
    const info = begin[2] ?? begin[4]!
    const begins = new RegExp(`^${marks[0]}{${marks.length},}${begin[1] ? '' : '\\s*$'}`)
    const ends = begin[1] ? new RegExp(`\`{${marks.length},}\\s*$`) : /(?!)/
    let line = from + 1
    let last = ''
    let rest = 0
    for (; line < to && (state.isEmpty(line) || state.sCount[line]! >= state.blkIndent); line++) {
      const found = begins.exec(text(line)) ?? ends.exec(text(line))
      if (!found) continue
      last = text(line).slice(0, found.index)
      rest = start(line) + found.index + found[0].length
      break
    }
    const language = isLanguage.test(info)
    const lines = state.getLines(from + 1, line, state.sCount[from]!, true) + last
    const content = language && lines.trim() ? lines : `${info.trim()}\n${lines}`
    if (!content.trim()) return false
    const token = state.push('fence', 'code', 0)
    token.info = content === lines ? info : ''
    token.content = content
    token.markup = marks
    token.map = [from, line]
    state.line = line
    if (rest > 0 && !state.src.slice(rest, state.eMarks[line]).trim()) state.line++
    else if (rest > 0) {
      state.bMarks[line] = rest
      state.tShift[line] = state.src.slice(rest, state.eMarks[line]).search(/[^ \t]/)
      state.sCount[line] = state.blkIndent
    }
    return true
  }, { alt: ['paragraph', 'reference', 'blockquote', 'list'] })
}

/** Links begin and end where the server says that they do, and show what they lead to. */
function links(md: Parser): void {
  md.normalizeLinkText = shownLink
  const { normalizeLink } = md
  md.normalizeLink = (url) => normalizeLink(withTrueHost(url)) // the parser alone takes wide letters for others than browsers do
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
      const open = state.push('link_open', 'a', 1)
      open.attrs = [['href', href]]
      open.info = 'auto'
      state.push('text', '', 0).content = (state.env as { labels?: Record<string, string> }).labels?.[url] ?? shownLink(url)
      state.push('link_close', 'a', -1)
    }
    state.pos = link.to
    return true
  })
  // Between < and >, too.
  const autolink = new MarkdownIt('zero').enable('autolink').inline.ruler.getRules('').at(-1)!
  md.inline.ruler.at('autolink', (state, silent) => {
    if (/^<https?:/i.test(state.src.slice(state.pos, state.pos + 7)) && !linkAt(state.src, state.pos + 1)?.bracketed) return false
    return autolink(state, silent)
  })
}

/** Where an address leads, as far as a text names one. */
function hostOf(text: string): string | null {
  const url = text.replace(/\p{Cf}/gu, '').trim()
  if (!/^(?:https?:\/\/|www\.)/i.test(url)) return null
  try {
    return new URL(/^www\./i.test(url) ? `http://${url}` : url).host.replace(/^www\./, '')
  } catch {
    return ''
  }
}

/** A link shows where it leads if it has no text, or one that names another place, and one that leads nowhere is none. */
function labels(md: Parser): void {
  md.core.ruler.after('inline', 'labels', (state) => {
    for (const block of state.tokens) {
      const all = block.children
      if (!all?.some((t) => t.type === 'link_open')) continue
      const out: typeof all = []
      for (let i = 0; i < all.length; i++) {
        const open = all[i]!
        const close = open.type === 'link_open' ? all.findIndex((t, j) => j > i && t.type === 'link_close') : -1
        if (close < 0 || open.info === 'auto') {
          out.push(open)
          continue
        }
        const text = (content: string) => Object.assign(new state.Token('text', '', 0), { content })
        const inside = all.slice(i + 1, close)
        const href = String(open.attrGet('href') ?? '')
        const said = inside.map((t) => t.content).join('')
        const named = hostOf(said)
        if (!href) out.push(text('['), ...inside, text(']()'))
        else if (isBlank(said) || (named !== null && named !== hostOf(href))) out.push(open, text(shownLink(href)), all[close]!)
        else out.push(open, ...inside, all[close]!)
        i = close
      }
      block.children = out
    }
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

// What was copied in another program, as markdown. Programs write HTML in
// their own ways: some have tags for what is bold or a list, some only styles.

import { budget, TooMuch } from './dialect'
import { inWord } from './script'

interface Marks {
  bold?: boolean
  italic?: boolean
  struck?: boolean
  code?: boolean
  href?: string
}

/** A piece of a line; a text of \n alone is a line break. */
interface Run extends Marks {
  text: string
}

interface Block {
  text: string
  /** It stands apart from what is before and behind it. */
  gap?: boolean
  /** It is an item of a list, so deep in other lists. */
  item?: { level: number; marker: string }
  /** It is code and nothing else: how it was written. */
  code?: string
  language?: string
}

export interface Converted {
  text: string
  /** It is more than a stretch of a line. */
  block: boolean
  /** All of it is one block of code. */
  code?: { text: string; language: string }
}

const most = 500_000 // letters of HTML; more is not read
const deepest = 60 // elements within each other
const longestCell = 300
const monospace = /monospace|consolas|menlo|monaco|courier|sfmono|jetbrains|cascadia|fira code|source code/i
/** Not words; the classes are those of what this client has above a block of code. */
const ignored = new Set('style script head title template noscript svg select textarea iframe object'.split(' '))
const ignoredClass = /\b(?:code-bar|code-button)\b/
const blocks = new Set('p div section article header footer main aside figure figcaption address dl dt dd form fieldset tr table tbody center details summary'.split(' '))
const isBold = new Set(['b', 'strong'])
const isItalic = new Set(['i', 'em', 'cite', 'dfn'])
const isStruck = new Set(['s', 'del', 'strike'])
const isCode = new Set(['code', 'tt', 'kbd', 'samp', 'pre'])

/**
 * HTML of the clipboard as markdown; null where nothing in it is formatted, or
 * it is too much.
 */
export function markdownOf(html: string): Converted | null {
  if (html.length > most) return null
  try {
    return convert(html)
  } catch (err) {
    if (err instanceof TooMuch) return null
    throw err
  }
}

function convert(html: string): Converted | null {
  // A style in an attribute would be judged by the page's policy.
  const { body } = new DOMParser().parseFromString(html.replace(/\sstyle\s*=/gi, ' data-style='), 'text/html')
  if (body.getElementsByTagName('*').length > budget.tokens) throw new TooMuch()
  const reader = new Reader()
  reader.walk(body, {}, false, 0)
  reader.flush()
  const found = withCode(reader.blocks)
  const [only] = found
  if (!only || !reader.formatted) return null
  if (found.length === 1 && only.code !== undefined) return { text: only.text, block: true, code: { text: only.code, language: only.language ?? '' } }
  if (found.length === 1 && reader.uniform && !only.item) return null
  const text = join(found)
  return { text, block: found.length > 1 || text.includes('\n') || only.item !== undefined || /^(?:#|>|```)/.test(text) }
}

/** A block of code, whatever backticks are in it. */
export function fenced(code: string, language = ''): string {
  const longest = Math.max(2, ...(code.match(/`+/g) ?? []).map((run) => run.length))
  const marks = '`'.repeat(longest + 1)
  return `${marks}${language}\n${code.replace(/\n+$/, '')}\n${marks}`
}

/** The styles of an element, by name. */
const styles = (el: Element): Record<string, string> =>
  Object.fromEntries((el.getAttribute('data-style') ?? '').split(';').map((one) => [one.split(':')[0]!.trim().toLowerCase(), one.slice(one.indexOf(':') + 1).trim().toLowerCase()]))

class Reader {
  readonly blocks: Block[] = []
  /** There is more in it than words. */
  formatted = false
  /** All words look the same, as those of a heading of which a part was copied. */
  uniform = true
  private runs: Run[] = []
  private look: string | null = null

  /** Reads what is in an element. */
  walk(parent: Element, marks: Marks, pre: boolean, depth: number): void {
    if (depth > deepest) throw new TooMuch()
    for (const node of parent.childNodes) {
      if (node.nodeType === 3) this.add(node.nodeValue ?? '', marks, pre)
      else if (node.nodeType === 1) this.element(node as Element, marks, pre, depth + 1)
    }
  }

  private element(el: Element, before: Marks, inPre: boolean, depth: number): void {
    const name = el.localName
    const style = styles(el)
    if (ignored.has(name) || ignoredClass.test(el.className) || style.display === 'none' || style['mso-hide'] === 'all') return
    const marks = marksOf(el, before, style)
    const pre = style['white-space'] ? style['white-space'].startsWith('pre') : inPre
    if (name === 'br') return void this.runs.push({ text: '\n', ...marks })
    if (name === 'img') return this.add(/emoji|emoticon/i.test(el.className + el.getAttributeNames().join(' ')) ? (el.getAttribute('alt') ?? '') : '', marks, pre)
    if (name === 'input') return this.add(el.getAttribute('type') === 'checkbox' ? (el.hasAttribute('checked') ? '[x] ' : '[ ] ') : '', marks, pre)
    if (name === 'hr') return this.put({ text: '---', gap: true })
    if (name === 'pre' || (pre && marks.code && (name === 'div' || name === 'p'))) return this.code(el)
    if (name === 'ul' || name === 'ol') return this.list(el, marks, depth)
    if (name === 'blockquote') {
      const text = this.within(el, {}, depth)
      if (text) this.put({ text: text.replace(/^/gm, '> ').replace(/ $/gm, ''), gap: true }, true)
      return
    }
    const heading = /^h([1-6])$/.exec(name)
    if (heading) {
      const text = this.within(stripped(el), { ...marks, bold: false }, depth).replace(/\s*\n\s*/g, ' ')
      if (text) this.put({ text: `${'#'.repeat(Number(heading[1]))} ${text}`, gap: true }, true)
      return
    }
    const word = /\blevel(\d)/.exec(style['mso-list'] ?? '')
    if (word) return this.wordItem(el, Number(word[1]) - 1, marks, depth)
    if (name === 'table' && this.table(el as HTMLTableElement, depth)) return
    if (!blocks.has(name)) return this.walk(el, marks, pre, depth)
    this.flush()
    const first = this.blocks.length
    this.walk(el, marks, pre, depth)
    const apart = name === 'p' && !/^0/.test(style['margin-bottom'] ?? '')
    this.flush(apart)
    // An empty paragraph is an empty line.
    if (this.blocks.length === first && (name === 'p' || name === 'div') && !el.querySelector('table,ul,ol')) this.blocks.push({ text: '', gap: false })
  }

  private add(text: string, marks: Marks, pre: boolean): void {
    const said = pre ? text.replace(/\r\n?/g, '\n') : text.replace(/[ \t\r\n\f]+/g, ' ')
    if (said) this.runs.push({ text: said, ...marks })
  }

  /** Ends the line. */
  flush(gap = false): void {
    const runs = trimmed(this.runs)
    this.runs = []
    if (runs.length === 0) return
    for (const run of runs) if (run.text.trim()) this.seen(run)
    const code = runs.every((r) => r.code || !r.text.trim()) ? runs.map((r) => r.text).join('').replaceAll('\u00a0', ' ') : undefined
    this.blocks.push({ text: inline(runs), gap, ...(code === undefined ? {} : { code }) })
  }

  private seen({ bold, italic, struck, code, href }: Marks): void {
    const look = JSON.stringify([!!bold, !!italic, !!struck, !!code, href])
    if (this.look !== null && this.look !== look) this.uniform = false
    this.look = look
    if (code || href) this.uniform = false
    if (bold || italic || struck || code || href) this.formatted = true
  }

  private put(block: Block, formatted = false): void {
    this.flush()
    this.blocks.push(block)
    this.look ??= ''
    if (formatted) this.formatted = true
    if (!block.text.startsWith('#')) this.uniform = false
  }

  /** What is in an element, by itself. */
  private within(el: Element, marks: Marks, depth: number): string {
    const inside = new Reader()
    inside.walk(el, marks, false, depth)
    inside.flush()
    return join(withCode(inside.blocks)).trim()
  }

  private code(el: Element): void {
    this.flush()
    const text = codeText(el).replaceAll('\u00a0', ' ').replace(/^\n|\s+$/g, '')
    if (!text) return
    const ofClass = [el, el.parentElement, el.querySelector('code')].map((e) => /\b(?:language|lang|highlight-source|brush:)[-\s]?([\w+#.-]+)/.exec(e?.className ?? '')?.[1]).find(Boolean)
    const named = ofClass ?? (el.previousElementSibling?.querySelector('.code-lang')?.textContent || undefined)
    this.put({ text: fenced(text, named), code: text, gap: true, ...(named ? { language: named } : {}) }, true)
  }

  private list(el: Element, marks: Marks, depth: number, level = 0): void {
    this.flush()
    let no = Number(el.getAttribute('start') ?? 1) || 1
    for (const child of el.children) {
      if (child.matches('ul,ol')) {
        this.list(child, marks, depth + 1, level + 1)
        continue
      }
      const inside = new Reader()
      inside.walk(child, marksOf(child, marks, styles(child)), false, depth + 1)
      inside.flush()
      const parts = withCode(inside.blocks)
      const own = parts.filter((b) => !b.item && b.text)
      no = Number(child.getAttribute('value') ?? no) || no
      if (own.length > 0) {
        const box = /checked|task|todo/i.test(child.className) && !/^\[[ x]\]/.test(own[0]!.text) ? (/\bchecked\b/i.test(child.className) ? '[x] ' : '[ ] ') : ''
        const marker = el.localName === 'ol' ? `${no++}.` : '-'
        this.put({ text: box + own.map((b) => b.text).join('\n'), item: { level, marker } }, true)
      }
      for (const b of parts) if (b.item) this.put({ ...b, item: { ...b.item, level: b.item.level + level + 1 } }, true)
    }
  }

  /** An item as Word writes it: a paragraph that begins with the text of its mark. */
  private wordItem(el: Element, level: number, marks: Marks, depth: number): void {
    this.flush()
    const copy = el.cloneNode(true) as Element
    let mark = ''
    for (const span of copy.querySelectorAll('[data-style]')) {
      if (!/^ignore/.test(styles(span)['mso-list'] ?? '')) continue
      mark += span.textContent
      span.remove()
    }
    const text = this.within(copy, marks, depth)
    const marker = /^\s*(\d{1,3}[.)])/.exec(mark)?.[1] ?? '-'
    if (text) this.put({ text, item: { level, marker } }, true)
  }

  /** A table of short texts as such; false where it only arranges what is in it. */
  private table(el: HTMLTableElement, depth: number): boolean {
    const rows = [...el.rows].map((row) => [...row.cells])
    const all = rows.flat()
    if (all.some((c) => c.querySelector('table,ul,ol,pre,blockquote') || (c.textContent ?? '').length > longestCell)) return false
    if (all.length > budget.cells) {
      this.put({ text: rows.map((row) => row.map((c) => (c.textContent ?? '').trim()).join('\t')).join('\n') })
      return true
    }
    const cell = (c: Element, head: boolean) => this.within(c, head ? { bold: false } : marksOf(c, {}, styles(c)), depth + 1).replace(/^#+ /, '').replace(/\s*\n\s*/g, ' ').replace(/(?<!\\)\|/g, '\\|')
    let grid = rows.map((row, i) => row.flatMap((c) => [i === 0 ? cell(stripped(c), true) : cell(c, false), ...Array<string>(Math.min(Math.max(c.colSpan || 1, 1), 50) - 1).fill('')]))
    grid = grid.filter((row) => row.some(Boolean))
    const width = Math.max(0, ...grid.map((row) => row.length))
    const columns = Array.from({ length: width }, (_, i) => i).filter((i) => grid.some((row) => row[i]))
    if (columns.length < 2) return false
    if (grid.length < 2) {
      this.put({ text: grid.map((row) => columns.map((i) => row[i] ?? '').join('\t')).join('\n') })
      return true
    }
    const right = columns.map((i) => rows.slice(1).some((row) => row[i] && (row[i].getAttribute('align') === 'right' || styles(row[i])['text-align'] === 'right')))
    const line = (of: string[]) => `| ${of.join(' | ')} |`
    const lines = grid.map((row) => line(columns.map((i) => row[i] ?? '')))
    this.put({ text: [lines[0], line(right.map((r) => (r ? '---:' : '---'))), ...lines.slice(1)].join('\n'), gap: true }, true)
    return true
  }
}

/** A heading, or the head of a column, without its own emphasis. */
function stripped(el: Element): Element {
  const copy = el.cloneNode(true) as Element
  for (const bold of copy.querySelectorAll('b,strong')) bold.replaceWith(...bold.childNodes)
  for (const one of [copy, ...copy.querySelectorAll('[data-style]')]) one.setAttribute('data-style', (one.getAttribute('data-style') ?? '').replace(/font-weight[^;]*/gi, ''))
  return copy
}

function marksOf(el: Element, before: Marks, style: Record<string, string>): Marks {
  const marks = { ...before }
  const weight = style['font-weight'] ?? /(?:^| )(bold|[1-9]00)\b/.exec(style.font ?? '')?.[1]
  if (weight) marks.bold = weight === 'bold' || weight === 'bolder' || Number(weight) >= 600
  else if (isBold.has(el.localName)) marks.bold = true
  const slant = style['font-style'] ?? /\bitalic\b/.exec(style.font ?? '')?.[0]
  if (slant) marks.italic = slant !== 'normal'
  else if (isItalic.has(el.localName)) marks.italic = true
  if (isStruck.has(el.localName) || /line-through/.test(`${style['text-decoration'] ?? ''} ${style['text-decoration-line'] ?? ''}`)) marks.struck = true
  if (isCode.has(el.localName)) marks.code = true
  else if (style['font-family'] || style.font) marks.code = monospace.test(`${style['font-family']} ${style.font}`)
  const href = el.localName === 'a' ? (el.getAttribute('href') ?? '').trim() : ''
  if (/^(?:https?:\/\/|mailto:)[^\s<>]+$/i.test(href)) marks.href = href
  return marks
}

/** The lines of code in an element: each block in it is one. */
function codeText(el: Element): string {
  let text = ''
  for (const node of el.childNodes) {
    if (node.nodeType === 3) text += (node.nodeValue ?? '').replace(/\r\n?/g, '\n')
    else if (node.nodeType !== 1 || (node as Element).matches('button,style')) continue
    else if ((node as Element).localName === 'br') text += '\n'
    else {
      const own = (node as Element).matches('div,p,li,tr')
      if (own && text !== '' && !text.endsWith('\n')) text += '\n'
      text += codeText(node as Element)
      if (own && !text.endsWith('\n')) text += '\n'
    }
  }
  return text
}

/** Without blanks at the ends of lines, and with one where several were. */
function trimmed(runs: Run[]): Run[] {
  const kept: Run[] = []
  const code = runs.every((r) => r.code || !r.text.trim())
  for (const run of runs) {
    const last = kept.at(-1)?.text.at(-1) ?? '\n'
    let text = code ? run.text : run.text.replaceAll('\u00a0', ' ').replace(/ +/g, ' ').replace(/ *\n */g, '\n')
    if (!code && /[ \n]/.test(last)) text = text.replace(/^ +/, '')
    if (!code && text.startsWith('\n') && kept.length > 0) kept.at(-1)!.text = kept.at(-1)!.text.replace(/ +$/, '')
    if (text) kept.push({ ...run, text })
  }
  while (kept.length > 0 && !kept.at(-1)!.text.trim()) kept.pop()
  while (kept.length > 0 && !kept[0]!.text.trim() && !code) kept.shift()
  if (kept.length > 0) kept[kept.length - 1]!.text = kept.at(-1)!.text.trimEnd()
  return kept
}

type Mark = (text: string, run: Run) => string
const signs: [keyof Marks, Mark][] = [
  ['href', (text, { href = '' }) => (text === href || `mailto:${text}` === href || text.trim() === '' ? text || href : `[${text.replace(/\s*\n\s*/g, ' ')}](${href.replaceAll('(', '%28').replaceAll(')', '%29')})`)],
  ['bold', (text) => `**${text}**`],
  ['italic', (text) => `*${text}*`],
  ['struck', (text) => `~~${text}~~`],
  ['code', (text) => (text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``)],
]

/**
 * Pieces of a line with their marks. A mark that would stand inside a word is
 * left out: it would be none.
 */
function inline(runs: Run[], which = 0, before = '', after = ''): string {
  const sign = signs[which]
  if (!sign) return runs.map((r) => (r.href && !r.code ? r.text.replace(/[[\]]/g, '\\$&') : r.text)).join('')
  const [name, mark] = sign
  let out = ''
  for (let i = 0; i < runs.length; ) {
    let end = i + 1
    const crossing = (r: Run) => r.text.includes('\n') && name !== 'href'
    while (end < runs.length && runs[end]![name] === runs[i]![name] && !crossing(runs[end]!) && !crossing(runs[end - 1]!)) end++
    const group = runs.slice(i, end)
    const edges: [string, string] = [runs[i - 1]?.text ?? before, runs[end]?.text ?? after]
    const text = inline(group, which + 1, ...edges)
    i = end
    const [, lead, inside, tail] = /^(\s*)([^]*?)(\s*)$/.exec(text)!
    const inAWord = name !== 'href' && name !== 'code' && ((!lead && inWord(lastOf(edges[0]))) || (!tail && inWord(String.fromCodePoint(edges[1].codePointAt(0) ?? 32))))
    out += group[0]![name] && inside && !inAWord && (name === 'href' || !inside.includes('\n')) ? `${lead}${mark(inside, group[0]!)}${tail}` : text
  }
  return out
}

const lastOf = (text: string): string => /[^]$/u.exec(text)?.[0] ?? ' '

/** Lines that are nothing but code, one after the other, as one block of code. */
function withCode(all: Block[]): Block[] {
  const out: Block[] = []
  for (const b of all) {
    const last = out.at(-1)
    const lone = b.code !== undefined && !b.text.startsWith('```')
    const goesOn = last?.code !== undefined && !last.item && !b.item && (lone || b.text === '')
    if (goesOn && (last.text.startsWith('```') ? last.language === undefined : true)) {
      last.code += `\n${b.code ?? ''}`
      last.text = fenced(last.code!)
    } else if (lone && b.code!.includes('\n')) out.push({ ...b, text: fenced(b.code!) })
    else out.push({ ...b })
  }
  return out
}

function join(all: Block[]): string {
  let out = ''
  const widths: number[] = []
  all.forEach((b, i) => {
    const last = all[i - 1]
    if (last) out += last.gap || b.gap || !last.item !== !b.item ? '\n\n' : '\n'
    if (!b.item) {
      widths.length = 0
      out += b.text
      return
    }
    const { marker } = b.item
    const level = Math.min(b.item.level, widths.length)
    const indent = ' '.repeat(widths.slice(0, level).reduce((sum, w) => sum + w, 0))
    widths.length = level
    widths.push(marker.length + 1)
    out += `${indent}${marker} ${b.text.replaceAll('\n', `\n${indent}${' '.repeat(marker.length + 1)}`)}`
  })
  return out.replace(/\n{3,}/g, '\n\n').trim()
}

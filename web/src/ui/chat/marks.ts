// Formatting of what is selected in a text field.

/** A text and what is selected of it. */
export interface Selected {
  text: string
  from: number
  to: number
}

export type Format = 'bold' | 'italics' | 'struck' | 'code' | 'link' | 'quote' | 'list' | 'numbered' | 'block'

/** What each format makes of a text, in the order of the bar. Where a format is there already, it is taken away. */
export const formats: Record<Format, (s: Selected) => Selected> = {
  bold: (s) => toggleMark(s, '**'),
  italics: (s) => toggleMark(s, '*'),
  struck: (s) => toggleMark(s, '~~'),
  code: (s) => toggleMark(s, '`'),
  link: makeLink,
  quote: (s) => toggleLines(s, /^> ?/, () => '> '),
  list: (s) => toggleLines(s, /^[-*] /, () => '- '),
  numbered: (s) => toggleLines(s, /^\d+[.)] /, (i) => `${i + 1}. `),
  block: toggleBlock,
}

/** The keys of each format, with Ctrl or ⌘. A key is named by what it writes, a digit by its place, which Shift changes. */
export const formatKeys: Record<Format, { key: string; shift?: boolean }> = {
  bold: { key: 'b' }, italics: { key: 'i' }, struck: { key: 'x', shift: true }, code: { key: 'e' }, link: { key: 'u', shift: true },
  quote: { key: '9', shift: true }, list: { key: '8', shift: true }, numbered: { key: '7', shift: true }, block: { key: 'e', shift: true },
}

/** The format that a key asks for, if any. */
export function formatOf(e: { key: string; code: string; ctrlKey: boolean; metaKey: boolean; shiftKey: boolean; altKey: boolean }): Format | undefined {
  if (!(e.ctrlKey || e.metaKey) || e.altKey) return undefined
  const key = /^Digit\d$/.test(e.code) ? e.code.slice(5) : e.key.toLowerCase()
  return (Object.keys(formatKeys) as Format[]).find((f) => formatKeys[f].key === key && (formatKeys[f].shift ?? false) === e.shiftKey)
}

/** Puts marks around the selection, or takes away those that are around it. The blanks at its ends stay outside. */
export function toggleMark({ text, from, to }: Selected, mark: string): Selected {
  while (from < to && /\s/.test(text[from]!)) from++
  while (to > from && /\s/.test(text[to - 1]!)) to--
  const n = mark.length
  const inside = text.slice(from, to)
  // A mark of one sign is not half of one of two.
  const lone = (before: string, after: string) => before.endsWith(mark) && after.startsWith(mark) && !(n === 1 && before.endsWith(mark + mark) && !before.endsWith(mark.repeat(3)))
  if (lone(text.slice(0, from), text.slice(to))) return { text: text.slice(0, from - n) + inside + text.slice(to + n), from: from - n, to: to - n }
  return { text: text.slice(0, from) + mark + inside + mark + text.slice(to), from: from + n, to: to + n }
}

/** Puts something before each line that is selected in part, or takes it away where it is before all of them. */
function toggleLines({ text, from, to }: Selected, has: RegExp, sign: (i: number) => string): Selected {
  const start = text.lastIndexOf('\n', from - 1) + 1
  const end = text.indexOf('\n', to) < 0 ? text.length : text.indexOf('\n', to)
  const lines = text.slice(start, end).split('\n')
  const off = lines.every((line) => has.test(line))
  const next = lines.map((line, i) => (off ? line.replace(has, '') : sign(i) + line)).join('\n')
  const whole = text.slice(0, start) + next + text.slice(end)
  // A caret stays where it was in its line.
  const moved = Math.max(start, from + next.length - (end - start))
  return from === to ? { text: whole, from: moved, to: moved } : { text: whole, from: start, to: start + next.length }
}

/** Puts the selection between two lines of three backticks, or takes them away. */
function toggleBlock({ text, from, to }: Selected): Selected {
  const [before, inside, after] = [text.slice(0, from), text.slice(from, to), text.slice(to)]
  if (before.endsWith('```\n') && after.startsWith('\n```')) return { text: before.slice(0, -4) + inside + after.slice(4), from: from - 4, to: to - 4 }
  const open = `${before === '' || before.endsWith('\n') ? '' : '\n'}\`\`\`\n`
  const close = `\n\`\`\`${after === '' || after.startsWith('\n') ? '' : '\n'}`
  return { text: before + open + inside + close + after, from: from + open.length, to: to + open.length }
}

const address = /^https?:\/\/[^\s()<>]+$/i

/** Makes a link of the selection; the caret then stands in what is missing of it. */
function makeLink({ text, from, to }: Selected): Selected {
  const inside = text.slice(from, to)
  const words = address.test(inside) ? '' : inside
  const link = words === inside ? `[${inside}]()` : `[](${inside})`
  const at = from + (words ? link.length - 1 : 1)
  return { text: text.slice(0, from) + link + text.slice(to), from: at, to: at }
}

/** The link that an address makes of what is selected; null where it is to be pasted as it is. */
export function linkOf({ text, from, to }: Selected, pasted: string): string | null {
  const words = text.slice(from, to)
  if (!words.trim() || /[\n[\]]/.test(words) || address.test(words.trim()) || !address.test(pasted.trim())) return null
  return `[${words}](${pasted.trim()})`
}

// Formatting of what is selected in a text field.

/** A text and what is selected of it. */
export interface Selected {
  text: string
  from: number
  to: number
}

/** What is put around the selection, with Ctrl or ⌘ and a key. */
export const marks: Record<string, string> = { b: '**', i: '*', e: '`' }

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

const address = /^https?:\/\/[^\s()<>]+$/i

/** The link that an address makes of what is selected; null where it is to be pasted as it is. */
export function linkOf({ text, from, to }: Selected, pasted: string): string | null {
  const words = text.slice(from, to)
  if (!words.trim() || /[\n[\]]/.test(words) || address.test(words.trim()) || !address.test(pasted.trim())) return null
  return `[${words}](${pasted.trim()})`
}

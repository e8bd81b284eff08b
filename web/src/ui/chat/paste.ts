// What a paste means where the clipboard holds several things at once.

import type { ClipboardEvent } from 'react'
import { fenced, markdownOf } from '../../markdown/fromHTML'
import { unspaced } from '../../markdown/script'
import { tidy } from '../../protocol/text'
import { linkOf, type Selected } from './marks'

/** What is on the clipboard, as far as it matters here. */
export interface Pasted {
  text: string
  html: string
  files: readonly { name: string; type: string }[]
}

/**
 * Whether the text is meant, not the files. Cells of a spreadsheet, or words from a text processor, come as text with a picture of
 * themselves. A file that was copied comes with its name or path as text, and a picture from a web page with its address.
 */
export function meansText({ text, html, files }: Pasted): boolean {
  const lines = text.split(/[\r\n]+/).map((l) => l.trim()).filter(Boolean)
  if (lines.length === 0 || files.length === 0) return lines.length > 0
  if (files.some((f) => !f.type.startsWith('image/'))) return false
  const isFile = (line: string) => files.some((f) => line === f.name || /^(file:\/\/|\/|[A-Z]:\\)/.test(line))
  if (lines.every(isFile)) return false
  return !(lines.length === 1 && /^https?:\/\/\S+$/.test(lines[0]!) && /<img\b/i.test(html))
}

/**
 * A text without what other programs leave in it and no one sees. A space that
 * may not break stays where typography wants it, as in 10 000 € or « oui ».
 */
export function cleaned(text: string): string {
  return tidy(text)
    .replace(/[\ufeff\u00ad]/g, '')
    .replace(/\u200b/g, (sign, at: number, all: string) => (unspaced.test(all[at - 1] ?? '') || unspaced.test(all[at + 1] ?? '') ? sign : ''))
    .replace(/\u00a0/g, (sign, at: number, all: string) => (/[«\d]/.test(all[at - 1] ?? '') && /\S/.test(all[at + 1] ?? ' ') ? sign : /[;:!?»%€°]/.test(all[at + 1] ?? '') && /\S/.test(all[at - 1] ?? ' ') ? sign : ' '))
}

/** Whether a place of a text is in a block of code. */
const inCode = (text: string, at: number): boolean => (text.slice(0, at).match(/^`{3,}/gm)?.length ?? 0) % 2 === 1

const prose = /^(?:markdown|plaintext|text)$/

/** What the editor of VS Code says of what was copied there: its language. */
function languageOf(editor: string): string {
  try {
    const { mode } = JSON.parse(editor) as { mode?: unknown }
    return typeof mode === 'string' && /^[\w+#.-]{1,20}$/.test(mode) ? mode : ''
  } catch {
    return ''
  }
}

/**
 * What is put in the place of what is selected. Formatting becomes markdown, several lines of code a block of code; in a block of code,
 * and where nothing is formatted, all stays as it is. Editor is what VS Code adds to the clipboard.
 */
export function pastedText(selected: Selected, { text, html }: Pick<Pasted, 'text' | 'html'>, editor = ''): string {
  const { text: all, from, to } = selected
  const plain = cleaned(html ? text.replace(/[\r\n]+$/, '') : text)
  if (inCode(all, from)) return plain.replaceAll('\u00a0', ' ')
  const link = linkOf(selected, plain)
  if (link) return link
  const language = languageOf(editor)
  const rich = html && !prose.test(language) ? markdownOf(html) : null
  if (!rich) return plain
  let insert = cleaned(rich.text)
  if (rich.code) {
    const code = (plain || rich.code.text).replaceAll('\u00a0', ' ')
    if (!code.includes('\n')) return plain || code
    insert = fenced(code, rich.code.language || language)
  }
  if (!rich.block) return insert
  return `${from > 0 && all[from - 1] !== '\n' ? '\n' : ''}${insert}${to < all.length && all[to] !== '\n' ? '\n' : ''}`
}

/** The text on the clipboard, plain and formatted. */
export const copied = (data: DataTransfer) => ({ text: data.getData('text/plain'), html: data.getData('text/html') })

/**
 * Puts what is pasted into a field as if it had been typed, so that it can be
 * undone; where that is not possible, by replace.
 */
export function pasteText(e: ClipboardEvent<HTMLTextAreaElement>, replace: (from: number, to: number, by: string) => void): void {
  const { value, selectionStart: from, selectionEnd: to } = e.currentTarget
  const insert = pastedText({ text: value, from, to }, copied(e.clipboardData), e.clipboardData.getData('vscode-editor-data'))
  if (!insert) return
  e.preventDefault()
  if (!document.execCommand('insertText', false, insert)) replace(from, to, insert)
}

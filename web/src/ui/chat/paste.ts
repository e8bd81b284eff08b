// What a paste means where the clipboard holds several things at once.

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

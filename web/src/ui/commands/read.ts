// What a text means that begins with a slash.

/** A message to be sent, a command to be run, or something that may have been meant as one. */
export type Read = { send: string } | { name: string; rest: string } | { unknown: string }

/**
 * Reads what was written. Only a slash and one word of letters are a command: /etc/hosts is a message, and so is what a second
 * slash stands before. A word that is none is asked about, for with /dm mistyped something private would go to everybody.
 */
export function readText(text: string, known: (name: string) => boolean): Read {
  const match = /^(\/\/?)([a-z]+)(?:\s+|$)/i.exec(text)
  if (!match) return { send: text }
  const name = match[2]!.toLowerCase()
  if (match[1] === '//') return { send: known(name) ? text.slice(1) : text }
  return known(name) ? { name, rest: text.slice(match[0].length) } : { unknown: name }
}

/** The command that is being written at the caret, without its slash. */
export const typedCommand = (before: string): string | null => /^\/([a-z]*)$/i.exec(before)?.[1]?.toLowerCase() ?? null

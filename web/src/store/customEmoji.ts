// The emoji that people have added to this server. The list is kept in this
// browser, and fetched where the server says that it has another one.

import { create } from 'zustand'
import { at, keptOf } from '../protocol/base'
import type { CustomEmoji } from '../protocol/types'

interface List {
  revision: number
  emoji: readonly CustomEmoji[]
}

interface Known extends List {
  /** By name and by alias, without colons. */
  byName: ReadonlyMap<string, CustomEmoji>
}

const known = ({ revision, emoji }: List): Known => ({
  revision, emoji, byName: new Map(emoji.flatMap((e) => [e.name, ...(e.alias ? [e.alias] : [])].map((n) => [n, e] as const))),
})

export const useCustomEmoji = create<Known>()(() => known({ revision: 0, emoji: [] }))

const key = () => keptOf('parley:emoji')

/** Begins with what was kept of an earlier visit. */
export function recallEmoji(): void {
  try {
    const list = JSON.parse(localStorage.getItem(key()) ?? 'null') as List | null
    if (list) useCustomEmoji.setState(known(list))
  } catch {
    // It is fetched.
  }
}

export function forgetEmoji(): void {
  localStorage.removeItem(key())
  useCustomEmoji.setState(known({ revision: 0, emoji: [] }))
}

/** The server has this revision: its list is fetched, unless it is known. */
export async function heardEmoji(revision: number, fetchList: () => Promise<List>): Promise<void> {
  if (revision === useCustomEmoji.getState().revision) return
  const list = await fetchList()
  if (list.revision < revision) return // another answer, or signal, comes
  useCustomEmoji.setState(known(list))
  try {
    localStorage.setItem(key(), JSON.stringify(list))
  } catch {
    // It is fetched anew next time.
  }
}

/** The custom emoji of a text such as :party_parrot:, if it is one. */
export const customNamed = (text: string | undefined, { byName }: Known): CustomEmoji | undefined =>
  text && text.length > 2 && text[0] === ':' && text.endsWith(':') ? byName.get(text.slice(1, -1)) : undefined

/** Where the pictures are. */
export const emojiBase = at('/api/v1/emoji/')

/**
 * The address of a picture. It changes with the picture, so that what it gives
 * may be kept for good.
 */
export const emojiURL = (e: CustomEmoji): string => `${emojiBase}${encodeURIComponent(e.name)}?v=${encodeURIComponent(e.picture)}`

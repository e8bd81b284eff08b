// What a message becomes: edited, deleted, pinned, reacted to, answered in a
// thread.

import { type Event, everyone, type Message, type Reacted, type RoomView } from '../protocol/types'

/** A list, or nothing instead of an empty one, as the server writes it. */
const some = <T>(list: T[]): T[] | undefined => (list.length > 0 ? list : undefined)

/** Makes the counts of a view follow from its other fields. */
export function count(view: RoomView): RoomView {
  const floor = Math.max(view.read_no, view.trimmed ?? 0)
  const above = (list: number[] | undefined) => some((list ?? []).filter((no) => no > floor))
  const deleted = above(view.deleted)
  return { ...view, deleted, mentions: above(view.mentions), unread: Math.max(view.head_no - floor, 0) - (deleted?.length ?? 0) }
}

/** Whether a message calls that person, who did not write it. */
export const mentioning = (m: Message, user: string): boolean => m.from !== user && (m.mentions ?? []).some((id) => id === user || id === everyone)

/** A list of numbers with or without one, ascending. */
export function withNo(list: number[] | undefined, no: number, there: boolean): number[] {
  const rest = (list ?? []).filter((n) => n !== no)
  return there ? [...rest, no].sort((a, b) => a - b) : rest
}

/** The reactions after one more, or one less, as with a set. */
export function react(list: Reacted[] | undefined, emoji: string, user: string, add: boolean): Reacted[] | undefined {
  const found = list?.find((r) => r.emoji === emoji)
  const users = (found?.users ?? []).filter((id) => id !== user)
  if (add) users.push(user)
  users.sort()
  const rest = (list ?? []).filter((r) => r.emoji !== emoji)
  if (users.length > 0) rest.push({ emoji, users })
  return some(rest.sort((a, b) => (a.emoji < b.emoji ? -1 : 1)))
}

/** An emoji without the mark for its colourful form: 👍 with it and without it are one. */
export const plainEmoji = (emoji: string): string => emoji.replaceAll('\ufe0f', '')

/** Reactions with those that look alike taken together, each with what its people sent. */
export function mergeReactions(list: Reacted[]): { emoji: string; users: string[]; sent: Record<string, string> }[] {
  const merged = new Map<string, { emoji: string; users: string[]; sent: Record<string, string> }>()
  for (const { emoji, users } of list) {
    const known = merged.get(plainEmoji(emoji)) ?? { emoji, users: [], sent: {} }
    if (emoji.includes('\ufe0f')) known.emoji = emoji // the form that is drawn in colours everywhere
    for (const user of users) {
      if (!(user in known.sent)) known.users.push(user)
      known.sent[user] = emoji
    }
    merged.set(plainEmoji(emoji), known)
  }
  return [...merged.values()]
}

/** The number of the message that an event changes; null for events that change none. */
export function changed(e: Event): number | null {
  if (e.kind === 'message.created') return null
  return e.message?.no ?? e.reaction?.no ?? null
}

/** A message after an event that changes it. */
export function changeMessage(m: Message, e: Event): Message {
  if (m.no !== changed(e)) return m
  if (e.message) return e.message
  const { emoji, user } = e.reaction!
  return { ...m, reactions: react(m.reactions, emoji, user, e.kind === 'reaction.added') }
}

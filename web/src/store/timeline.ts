import type { Message, MessagePage } from '../protocol/types'
import type { Timeline } from './state'

/** How many messages of a room are held, and shown, at once. Further ones are fetched when one scrolls there. */
export const most = 300
/** What is kept of a room that nobody looks at. */
export const rest = 80
export const pageSize = 60

export const emptyTimeline: Timeline = { messages: [], moreOlder: false, moreNewer: false, following: true }

const last = (t: Timeline) => t.messages[t.messages.length - 1]

/** The stretch that a page holds, in place of any other. */
export function fromPage(page: MessagePage, following: boolean): Timeline {
  return { messages: page.messages, moreOlder: page.more_older, moreNewer: page.more_newer, following }
}

/** Drops the messages up to a number. */
export function trim(t: Timeline, gone: number): Timeline {
  const left = t.messages.filter((m) => m.no > gone)
  if (left.length === t.messages.length && t.messages[0]?.no !== gone + 1) return t
  return { ...t, messages: left, moreOlder: false }
}

/** Adds one new message at the end, or leaves it to be fetched when the end is not here or not looked at. */
export function append(t: Timeline, m: Message, trimmed = 0): Timeline {
  const end = last(t)
  if (end && m.no <= end.no) {
    return { ...t, messages: t.messages.map((x) => (x.no === m.no ? m : x)) }
  }
  if (t.moreNewer || m.no !== (end?.no ?? trimmed) + 1) return { ...t, moreNewer: true }
  if (t.messages.length < most) return { ...t, messages: [...t.messages, m] }
  if (!t.following) return { ...t, moreNewer: true }
  return { ...t, messages: [...t.messages.slice(most / 3), m], moreOlder: true }
}

/** Adds a page of older messages; what is then too much goes from the other end. */
export function prepend(t: Timeline, page: MessagePage): Timeline {
  const first = t.messages[0]
  const older = first ? page.messages.filter((m) => m.no < first.no) : page.messages
  const joined = [...older, ...t.messages]
  const kept = joined.slice(0, most)
  return { ...t, messages: kept, moreOlder: page.more_older, moreNewer: t.moreNewer || kept.length < joined.length }
}

/** Adds a page of newer messages; headNo is the newest that is known to exist. */
export function extend(t: Timeline, page: MessagePage, headNo: number): Timeline {
  const end = last(t)
  const newer = end ? page.messages.filter((m) => m.no > end.no) : page.messages
  const joined = [...t.messages, ...newer]
  const kept = joined.slice(-most)
  const newest = kept[kept.length - 1]?.no ?? 0
  return { ...t, messages: kept, moreOlder: t.moreOlder || kept.length < joined.length, moreNewer: newest < headNo }
}

/** Forgets most of a room that is no longer looked at. A stretch away from the end is forgotten whole. */
export function shrink(t: Timeline): Timeline | undefined {
  if (t.moreNewer) return undefined
  if (t.messages.length <= rest) return { ...t, following: true }
  return { ...t, messages: t.messages.slice(-rest), moreOlder: true, following: true }
}

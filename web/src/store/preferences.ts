// What a person wants on all of their devices: a part of the document
// "settings", which another client may have written.

import { documentOf } from './documents'

export type Clock = 'system' | '12' | '24'

/**
 * When a person does not want to be notified: docs/protocol.md. A device goes
 * by its own clock.
 */
export interface QuietHours {
  /** The days on which they begin; 0 is Sunday. */
  days: number[]
  /** As 22:00. Where the end is not after the beginning, it is on the next day. */
  from: string
  to: string
  /**
   * The time zone of the device on which they were last set, for those who have
   * no clock of the person's.
   */
  zone?: string
}

export interface Preferences {
  clock: Clock
  /** Show what links lead to. */
  links: boolean
  /** Notify also when the person's name is written without an @. */
  nameToo: boolean
  /** Words that notify like a mention. */
  keywords: string[]
  quiet: QuietHours | null
  /** Push notifications say only from whom a message is. */
  hideContent: boolean
}

export const mostKeywords = 50
export const longestKeyword = 60

/** The settings as they are to be obeyed, whatever is kept. */
export function readPreferences(v: { [K in keyof Preferences]?: unknown }): Preferences {
  const words = Array.isArray(v.keywords) ? v.keywords.filter((k): k is string => typeof k === 'string' && k.trim() !== '') : []
  return { clock: v.clock === '12' || v.clock === '24' ? v.clock : 'system', links: v.links !== false, nameToo: v.nameToo === true, keywords: words.slice(0, mostKeywords), quiet: readQuiet(v.quiet), hideContent: v.hideContent === true }
}

export const preferences = (): Preferences => readPreferences(documentOf<Preferences>('settings'))

function readQuiet(v: unknown): QuietHours | null {
  if (typeof v !== 'object' || v === null) return null
  const { days, from, to, zone } = v as { [K in keyof QuietHours]?: unknown }
  if (!Array.isArray(days) || minutes(from) === null || minutes(to) === null) return null
  return { days: days.filter((d): d is number => Number.isInteger(d) && d >= 0 && d <= 6), from: from as string, to: to as string, ...(typeof zone === 'string' ? { zone } : {}) }
}

/** The minutes from midnight that a time of day such as 22:00 is at, null if it is none. */
function minutes(time: unknown): number | null {
  const match = typeof time === 'string' ? /^([01]\d|2[0-3]):([0-5]\d)$/.exec(time) : null
  return match ? Number(match[1]) * 60 + Number(match[2]) : null
}

/** Whether a moment of this device's clock is within quiet hours. */
export function inQuietHours(quiet: QuietHours | null, at: Date): boolean {
  if (!quiet) return false
  const [from, to, now] = [minutes(quiet.from)!, minutes(quiet.to)!, at.getHours() * 60 + at.getMinutes()]
  const today = quiet.days.includes(at.getDay())
  const yesterday = quiet.days.includes((at.getDay() + 6) % 7)
  if (from < to) return today && now >= from && now < to
  return (today && now >= from) || (yesterday && now < to)
}

/** The words in a list that a person has written, each once. */
export function readKeywords(text: string): string[] {
  const words = text.split(/[,;\n、،，；]/).map((k) => k.trim().replace(/\s+/g, ' ').slice(0, longestKeyword)).filter(Boolean)
  return words.filter((k, i) => words.findIndex((x) => x.toLowerCase() === k.toLowerCase()) === i).slice(0, mostKeywords)
}

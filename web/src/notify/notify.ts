// Notifications of the system, for what concerns this person while the page is
// hidden.

import { plainLine } from '../markdown/render'
import { at } from '../protocol/base'
import type { Event } from '../protocol/types'
import { mentioning } from '../store/message'
import { before } from '../store/person'
import { inQuietHours, preferences } from '../store/preferences'
import { isGroup, levelOf, nameOf, titleOf } from '../store/select'
import type { State } from '../store/state'

export interface Notice {
  room: string
  no: number
  title: string
  body: string
}

/** Whether a text has a name or a word: as words of their own, with or without an @, in capitals or not. */
export function mentions(text: string, name: string): boolean {
  const escaped = name.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+')
  return escaped !== '' && new RegExp(`(?<![\\p{L}\\p{N}_])${escaped}(?![\\p{L}\\p{N}_])`, 'iu').test(text)
}

/**
 * What to tell of an event that is in the state already: a message in a room that tells of all, or one that mentions
 * this person, or has one of their words, where only mentions are told of. Nothing while they do not want to be disturbed.
 */
export function noticeOf(s: State, e: Event, now: number): Notice | null {
  const m = e.kind === 'message.created' ? e.message : undefined
  const room = m && s.rooms[m.room]
  if (!m || !room || m.from === s.me.id || m.no <= room.read_no) return null
  const { nameToo, keywords, quiet } = preferences()
  if (before(s.me.quiet_until, now) || inQuietHours(quiet, new Date(now))) return null
  const level = levelOf(s, room)
  const words = nameToo ? [...keywords, s.me.name] : keywords
  if (level === 'none' || (level === 'mentions' && !mentioning(m, s.me.id) && !words.some((w) => mentions(m.text, w)))) return null
  const name = nameOf(s, m.from)
  return { room: room.id, no: m.no, title: room.kind === 'direct' && !isGroup(room) ? name : `${name} · ${titleOf(s, room)}`, body: plainLine(m.text) }
}

const key = 'parley:notify'
const soundKey = 'parley:sound'

/** Whether this browser's notifications may make a sound. */
export function sound(): boolean {
  try {
    return localStorage.getItem(soundKey) !== 'off'
  } catch {
    return true
  }
}

export function setSound(on: boolean): void {
  try {
    if (on) localStorage.removeItem(soundKey)
    else localStorage.setItem(soundKey, 'off')
  } catch {
    // Then it stays as it is.
  }
}

export type Permission = 'unsupported' | 'blocked' | 'off' | 'on'

/** Whether this browser shows notifications: it can, its person allowed it, and has not turned it off here. */
export function permission(): Permission {
  if (!('Notification' in window) || !window.isSecureContext) return 'unsupported'
  if (Notification.permission === 'denied') return 'blocked'
  try {
    return Notification.permission === 'granted' && localStorage.getItem(key) === 'on' ? 'on' : 'off'
  } catch {
    return 'off'
  }
}

/** Turns notifications on or off here; on asks the browser's question. Only to be called from a person's click. */
export async function setNotify(on: boolean): Promise<Permission> {
  if (on && Notification.permission === 'default') await Notification.requestPermission()
  try {
    if (on) localStorage.setItem(key, 'on')
    else localStorage.removeItem(key)
  } catch {
    // Then it stays off.
  }
  return permission()
}

const registration = async () => (await navigator.serviceWorker?.getRegistration()) ?? null

/** Shows a notice; a newer one of the same room takes its place, also where several pages are open. */
export async function show(n: Notice, open: (room: string, no: number) => void): Promise<void> {
  const options: NotificationOptions = { body: n.body, tag: n.room, silent: !sound(), icon: at('/icon-192.png'), data: { room: n.room, no: n.no } }
  const worker = await registration()
  if (worker?.active) return worker.showNotification(n.title, options) // a click on it is heard by sw.js
  const shown = new Notification(n.title, options)
  shown.onclick = () => {
    window.focus()
    open(n.room, n.no)
    shown.close()
  }
}

/** Takes away what was shown: all, as the person is here, or what they have read elsewhere. */
export async function clear(read?: { room: string; no: number }): Promise<void> {
  for (const n of (await (await registration())?.getNotifications(read && { tag: read.room })) ?? []) {
    if (!read || Number((n.data as Notice | null)?.no) <= read.no) n.close()
  }
}

// Messages that are about to be deleted. Each waits for a few seconds in which
// it can be taken back. It is kept in storage until the server has deleted it:
// closing the page means deleting now, and what did not get through is deleted
// later.

import { create } from 'zustand'
import { t } from '../i18n'
import { at, keptOf } from '../protocol/base'
import { ApiError, explain } from '../protocol/error'
import { call } from './actions'
import type { Place } from './marks'
import { useApp } from './store'
import { toast, withdraw } from './toasts'

/**
 * A message by its place, and by its id: after a backup was restored, another
 * one can stand there.
 */
interface Doomed extends Place {
  id: string
}

interface Kept extends Doomed {
  /** Until then (ms since 1970) the page that keeps it may still take it back. */
  until: number
}

const keyOf = (m: Place) => `${m.room}/${m.no}`

/** What is being deleted, by room/no: held while it can be taken back. */
export const useDeletions = create<Record<string, 'held' | 'sent'>>()(() => ({}))

const lease = 15_000
const again = 5_000 // after a refusal that may pass
const running = new Set<string>()
const held = new Map<string, { message: Doomed; toast: number; user: string }>()
const prefix = (user: string) => `parley:delete:${keptOf(user)}:`

/** What is kept of a person's, read anew: other pages write there too. */
export function keptDeletions(user: string, store: Storage): Kept[] {
  const found: Kept[] = []
  for (const key of Object.keys(store)) {
    if (!key.startsWith(prefix(user))) continue
    try {
      const kept = JSON.parse(store.getItem(key) ?? '') as Kept
      if (typeof kept.room === 'string' && typeof kept.id === 'string' && Number.isInteger(kept.no) && typeof kept.until === 'number') found.push(kept)
    } catch {
      // Not ours, or cut off.
    }
  }
  return found
}

function keep(user: string, m: Doomed, until: number): void {
  try {
    localStorage.setItem(prefix(user) + keyOf(m), JSON.stringify({ room: m.room, no: m.no, id: m.id, until } satisfies Kept))
  } catch {
    // Storage is full or closed: it is deleted by this page or not at all.
  }
}

function forget(user: string, m: Place): void {
  useDeletions.setState(({ [keyOf(m)]: _, ...rest }) => rest, true)
  try {
    localStorage.removeItem(prefix(user) + keyOf(m))
  } catch {
    // Then it is asked for once more, which does no harm.
  }
}

/** Deletes a message of one's own, unless it is taken back soon. */
export function deleteSoon(m: Doomed): void {
  const user = useApp.getState().chat?.me.id
  const key = keyOf(m)
  if (!user || useDeletions.getState()[key]) return
  const message = { room: m.room, no: m.no, id: m.id }
  keep(user, message, Date.now() + lease)
  useDeletions.setState({ [key]: 'held' })
  const id = toast(t('undo.deleted'), {
    undo: () => release(message),
    gone: () => held.delete(key) && void run(user, message),
  })
  held.set(key, { message, toast: id, user })
}

/** Takes a deletion back, while it is held. */
export function release(m: Place): void {
  const one = held.get(keyOf(m))
  if (!one || !held.delete(keyOf(m))) return
  withdraw(one.toast)
  forget(one.user, m)
}

/**
 * Deletes a message. One that was to be deleted on an earlier connection is
 * looked at first.
 */
async function run(user: string, m: Doomed, earlier = false): Promise<void> {
  const key = keyOf(m)
  if (running.has(key)) return
  running.add(key)
  useDeletions.setState({ [key]: 'sent' })
  keep(user, m, 0)
  try {
    const place = { room: m.room, no: m.no }
    if (!earlier || (await call('message.get', place)).id === m.id) await call('message.delete', place)
  } catch (err) {
    if (err instanceof ApiError && (err.passing || err.code === 'unauthenticated')) return later(err.retryAfterMs ?? again)
    if (!(err instanceof ApiError && err.code === 'not_found')) toast(explain(err))
  } finally {
    running.delete(key)
  }
  forget(user, m)
}

/** Deletes what is held, without further waiting: before one logs out. */
export async function deleteNow(): Promise<void> {
  const all = [...held.values()]
  held.clear()
  await Promise.all(all.map((one) => (withdraw(one.toast), run(one.user, one.message))))
}

let timer: ReturnType<typeof setTimeout> | undefined
function later(ms: number): void {
  clearTimeout(timer)
  timer = setTimeout(resume, ms)
}

/** Deletes what was left from before, by this page or one that is gone; what another page still holds is looked at later. */
function resume(): void {
  const { chat, status } = useApp.getState()
  const user = chat?.me.id
  if (!user || status.kind !== 'online') return
  const left = keptDeletions(user, localStorage).filter((m) => !held.has(keyOf(m)))
  for (const m of left) if (m.until <= Date.now()) void run(user, m, true)
  if (left.some((m) => m.until > Date.now())) later(lease)
}

useApp.subscribe((now, before) => {
  const ready = (a: typeof now) => a.status.kind === 'online' && a.chat !== null
  if (ready(now) && !ready(before)) resume()
})

// A page that lives says so; one that goes deletes now.
setInterval(() => {
  for (const one of held.values()) keep(one.user, one.message, Date.now() + lease)
}, lease / 3)
window.addEventListener('pagehide', () => {
  for (const [key, one] of held) {
    held.delete(key)
    withdraw(one.toast)
    keep(one.user, one.message, 0)
    useDeletions.setState({ [key]: 'sent' })
    const path = at(`/api/v1/rooms/${encodeURIComponent(one.message.room)}/messages/${one.message.no}`)
    void fetch(path, { method: 'DELETE', credentials: 'same-origin', keepalive: true }).catch(() => {}) // the next page asks again
  }
})

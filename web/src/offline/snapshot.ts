// What is kept of the chat to be read without a connection: the newest rooms
// with their last messages.

import type { State, Timeline } from '../store/state'
import { kept } from '../protocol/base'
import type { RoomView, ServerInfo } from '../protocol/types'

export interface Snapshot {
  format: 2
  info: ServerInfo
  chat: State
}

const mostRooms = 100
const mostTimelines = 30
const mostMessages = 40

/** The part of the state that is kept. Messages of rooms that were not opened since come from the snapshot before. */
export function snapshot(info: ServerInfo, s: State, before: Snapshot | null): Snapshot {
  const newest = Object.values(s.rooms)
    .sort((a, b) => ((a.last?.at ?? a.joined_at) < (b.last?.at ?? b.joined_at) ? 1 : -1))
    .slice(0, mostRooms)
  const old = before?.info.id === info.id && before.chat.me.id === s.me.id ? before.chat : null
  const timelines: Record<string, Timeline> = {}
  for (const room of newest) {
    if (Object.keys(timelines).length === mostTimelines) break
    const t = s.timelines[room.id]
    const from = t && !t.moreNewer ? t : old && goesOn(old.rooms[room.id], room) ? old.timelines[room.id] : undefined
    if (!from) continue
    const left = from.messages.filter((m) => m.no > (room.trimmed ?? 0)) // what is deleted there does not live on here
    const messages = left.slice(-mostMessages)
    // What was opened before may have gone on since.
    const moreNewer = (messages[messages.length - 1]?.no ?? 0) < room.head_no
    timelines[room.id] = { messages, moreOlder: from.moreOlder || messages.length < left.length, moreNewer, following: true }
  }
  return {
    format: 2,
    info,
    chat: {
      ...s, rooms: Object.fromEntries(newest.map((r) => [r.id, r])), timelines,
      online: {}, members: {}, notices: {}, typing: {}, changes: {}, stale: {}, dropped: {},
    },
  }
}

/** Whether a room is the one that was kept, later. Data from a backup, or of another server behind this address, are not. */
function goesOn(old: RoomView | undefined, room: RoomView): boolean {
  if (!old || old.position.epoch !== room.position.epoch) return false
  const { seq, id } = old.position
  return seq < room.position.seq || (seq === room.position.seq && id === room.position.id)
}

/** Opens this browser's small store. */
function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const req = indexedDB.open(kept('parley'), 1)
    req.onupgradeneeded = () => req.result.createObjectStore('kept')
    req.onsuccess = () => resolve(req.result)
    req.onerror = () => reject(req.error ?? new Error('no storage'))
  })
}

async function use<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T | null> {
  try {
    const db = await open()
    try {
      return await new Promise<T>((resolve, reject) => {
        const tx = db.transaction('kept', mode)
        const req = act(tx.objectStore('kept'))
        tx.oncomplete = () => resolve(req.result)
        tx.onerror = tx.onabort = () => reject(tx.error ?? new Error('no storage'))
      })
    } finally {
      db.close()
    }
  } catch {
    return null // private windows, full disks: then there is nothing to be read without a connection
  }
}

const key = 'chat'
export const loadSnapshot = async (): Promise<Snapshot | null> => {
  const kept = await use('readonly', (s) => s.get(key) as IDBRequest<Snapshot | undefined>)
  return kept?.format === 2 ? kept : null
}
const saveSnapshot = (s: Snapshot) => use('readwrite', (store) => store.put(s, key))
/** Forgets what was kept. */
export const dropSnapshot = () => use('readwrite', (store) => store.delete(key))

const every = 3_000 // ms

/** Keeps the snapshot of one person's chat as it changes. */
export class Keeper {
  private timer: ReturnType<typeof setTimeout> | null = null
  private before: Promise<Snapshot | null> = loadSnapshot()
  private last: Promise<unknown> = Promise.resolve()
  private ended = false

  constructor(private readonly current: () => { info: ServerInfo | null; chat: State | null }) {
    document.addEventListener('visibilitychange', this.hidden)
  }

  /** The chat has changed: it is kept soon. */
  changed(): void {
    if (this.ended) return
    this.timer ??= setTimeout(() => this.save(), every)
  }

  private readonly hidden = () => {
    if (document.visibilityState === 'hidden' && this.timer !== null) this.save()
  }

  private save(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    this.last = this.last.then(async () => {
      const before = await this.before
      const { info, chat } = this.current()
      if (this.ended || !info || !chat) return
      const now = snapshot(info, chat, before)
      this.before = Promise.resolve(now)
      await saveSnapshot(now)
    })
  }

  /** Keeps no more. With forget, what was kept is removed: after log-out nobody shall read it here. */
  stop(forget: boolean): void {
    this.ended = true
    if (this.timer !== null) clearTimeout(this.timer)
    document.removeEventListener('visibilitychange', this.hidden)
    if (forget) void this.last.finally(dropSnapshot)
  }
}

// Messages on their way. Each is kept in storage from the moment it is written
// until the server has acknowledged it, so that neither a reload nor a lost
// network loses it; each room's are sent one after the other, and again with
// the same client id, so that they keep their order and are never doubled.

import { t } from '../i18n'
import { ApiError, explain } from '../protocol/error'
import { tidy } from '../protocol/text'
import type { File, Message } from '../protocol/types'

export interface Item {
  client_id: string
  room: string
  text: string
  /** Files that are on the server already. */
  files?: File[]
  at: number // ms since 1970
  state: 'pending' | 'failed' | 'sent'
  /** It has been handed to the network at least once: the server may know it. */
  tried: boolean
  /** With failed: why. With pending: why the server cannot take it now. */
  error?: string
  /** With pending: the server wants it to wait until then (ms since 1970). */
  waits?: number
  /** With sent: its number in the room, which has not come back as an event yet. */
  no?: number
}

export interface Storage {
  load(): Item[]
  put(item: Item): void
  delete(clientID: string): void
}

export interface Ports {
  storage: Storage
  send: (item: Item) => Promise<Message>
  newID: () => string
  now: () => number
  onChange: (items: readonly Item[]) => void
  /** Runs later; for waits that the server asks for. */
  after: (ms: number, f: () => void) => void
}

/** The server remembers client ids for 24 hours; with a margin for clocks. */
const safeFor = 23 * 3600_000
/** How often a message may fail by its own fault before the next one goes. */
const patience = 5

export class Outbox {
  private items: Item[]
  private busy = new Set<string>() // rooms with a send in flight
  private waiting = new Set<string>() // rooms that were told to wait
  private faults = new Map<string, number>()
  private online = false

  constructor(private readonly p: Ports) {
    this.items = p.storage.load().sort((a, b) => (a.client_id < b.client_id ? -1 : 1))
    for (const item of this.items) {
      if (item.state === 'pending' && item.tried && p.now() - item.at > safeFor) {
        this.change(item.client_id, {
          state: 'failed',
          error: t('outbox.old'),
        })
      }
    }
  }

  get list(): readonly Item[] {
    return this.items
  }

  /** Takes a message to be sent. It is stored before this returns. */
  add(room: string, text: string, files: File[] = []): Item {
    const item: Item = { client_id: this.p.newID(), room, text: tidy(text), ...(files.length > 0 ? { files } : {}), at: this.p.now(), state: 'pending', tried: false }
    this.p.storage.put(item)
    this.set([...this.items, item])
    this.flush()
    return item
  }

  /** Says whether there is a connection to send on. */
  setOnline(online: boolean): void {
    this.online = online
    if (online) {
      this.waiting.clear()
      this.flush()
    }
  }

  /** What a room was told to wait for may be over: it tries at once. */
  hurry(room: string): void {
    if (this.waiting.delete(room)) void this.run(room)
  }

  /** Sends a failed message again; one that is too old to be recognised gets a new client id. */
  retry(clientID: string): void {
    const item = this.items.find((i) => i.client_id === clientID)
    if (item?.state !== 'failed') return
    this.remove(clientID)
    const fresh = this.p.now() - item.at > safeFor
    const again: Item = { ...item, state: 'pending', error: undefined }
    if (fresh) Object.assign(again, { client_id: this.p.newID(), at: this.p.now(), tried: false })
    this.p.storage.put(again)
    this.set([...this.items, again])
    this.flush()
  }

  /** Forgets a message. */
  remove(clientID: string): void {
    if (!this.items.some((i) => i.client_id === clientID)) return
    this.p.storage.delete(clientID)
    this.faults.delete(clientID)
    this.set(this.items.filter((i) => i.client_id !== clientID))
  }

  /** Takes back what was removed, as it was. */
  restore(item: Item): void {
    if (this.items.some((i) => i.client_id === item.client_id)) return
    this.p.storage.put(item)
    this.set([...this.items, item].sort((a, b) => (a.client_id < b.client_id ? -1 : 1)))
    this.flush()
  }

  /** Says that a room is known up to a message: what was sent up to there is in the room now. */
  settle(room: string, headNo: number): void {
    if (this.items.some((i) => i.room === room && i.state === 'sent' && i.no! <= headNo)) {
      this.set(this.items.filter((i) => !(i.room === room && i.state === 'sent' && i.no! <= headNo)))
    }
  }

  clear(): void {
    for (const i of this.items) this.p.storage.delete(i.client_id)
    this.set([])
  }

  private flush(): void {
    for (const room of new Set(this.items.map((i) => i.room))) void this.run(room)
  }

  private async run(room: string): Promise<void> {
    if (this.busy.has(room) || this.waiting.has(room)) return
    this.busy.add(room)
    try {
      for (;;) {
        const item = this.items.find((i) => i.room === room && i.state === 'pending')
        if (!item || !this.online) return
        // Stored first: after a crash between here and the answer, the server
        // may know it.
        if (!item.tried) this.change(item.client_id, { tried: true })
        try {
          const message = await this.p.send(item)
          this.p.storage.delete(item.client_id)
          this.faults.delete(item.client_id)
          this.set(this.items.map((i) => (i.client_id === item.client_id ? { ...i, state: 'sent', waits: undefined, error: undefined, no: message.no } : i)))
        } catch (err) {
          if (!this.failed(item, err)) return
        }
      }
    } finally {
      this.busy.delete(room)
    }
  }

  /** Decides after a failure; true to go on with the next message. */
  private failed(item: Item, err: unknown): boolean {
    if (!this.items.some((i) => i.client_id === item.client_id)) return true // it came back as an event, or was discarded
    const { code, passing, retryAfterMs, text } = err instanceof ApiError ? err : new ApiError('internal', '')
    // A message that is under way each time the connection goes, or that never
    // gets an answer, may be the reason for that.
    const own = code === 'internal' || text === 'error.late' || text === 'error.cut'
    const faults = (this.faults.get(item.client_id) ?? 0) + (own ? 1 : 0)
    this.faults.set(item.client_id, faults)
    if (code === 'unauthenticated') return false // the log-in page is next; it is sent after that
    if (passing && faults < patience) {
      const waits = code === 'rate_limited' && retryAfterMs ? this.p.now() + retryAfterMs : undefined
      const error = code === 'unavailable' && text === undefined ? explain(err) : undefined
      if (waits !== item.waits || error !== item.error) this.change(item.client_id, { waits, error })
      this.wait(item.room, Math.max(250, retryAfterMs ?? 1000 * 2 ** faults))
      return false
    }
    this.change(item.client_id, { state: 'failed', waits: undefined, error: explain(err) })
    return true
  }

  private wait(room: string, ms: number): void {
    this.waiting.add(room)
    this.p.after(ms, () => {
      if (this.waiting.delete(room)) void this.run(room)
    })
  }

  private change(clientID: string, to: Partial<Item>): void {
    this.set(
      this.items.map((i) => {
        if (i.client_id !== clientID) return i
        const changed = { ...i, ...to }
        this.p.storage.put(changed)
        return changed
      }),
    )
  }

  private set(items: Item[]): void {
    this.items = items
    this.p.onChange(items)
  }
}

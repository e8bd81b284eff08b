import type { Item, Storage } from './outbox'

/**
 * Keeps items in the browser's storage, one key each, so that two tabs do not overwrite each other. It is
 * synchronous on purpose: what has been shown as waiting is stored.
 */
export function localItems(user: string, store: globalThis.Storage): Storage {
  const prefix = `parley:outbox:${user}:`
  return {
    load() {
      const items: Item[] = []
      for (let i = 0; i < store.length; i++) {
        const key = store.key(i)
        if (!key?.startsWith(prefix)) continue
        try {
          const item = JSON.parse(store.getItem(key) ?? '') as Item
          const text = [item.client_id, item.room, item.text].every((field) => typeof field === 'string')
          if (text && item.state !== 'sent') items.push({ ...item, files: Array.isArray(item.files) ? item.files : undefined, at: Number(item.at) || 0 })
        } catch {
          // Not ours, or cut off: nothing that could be sent.
        }
      }
      return items
    },
    put(item) {
      try {
        store.setItem(prefix + item.client_id, JSON.stringify(item))
      } catch {
        // Storage is full or closed: the message is still sent from memory.
      }
    },
    delete(clientID) {
      store.removeItem(prefix + clientID)
    },
  }
}

/** Where it is kept what a person's drafts on the server are known to be. */
export const knownDraftsKey = (user: string): string => `parley:draft-known:${user}`

/** What was being written in each room, kept for the next visit. */
export function drafts(user: string, store: globalThis.Storage) {
  const prefix = `parley:draft:${user}:`
  return {
    /** Those of all rooms. */
    all(): Record<string, string> {
      const found: Record<string, string> = {}
      try {
        for (const k of Object.keys(store)) {
          const text = k.startsWith(prefix) ? store.getItem(k) : null
          if (text) found[k.slice(prefix.length)] = text
        }
      } catch {
        // Storage is closed to us: there are none.
      }
      return found
    },
    set(room: string, text: string): void {
      try {
        if (text === '') store.removeItem(prefix + room)
        else store.setItem(prefix + room, text)
      } catch {
        // A draft that cannot be stored lives as long as this page.
      }
    },
    clear(): void {
      for (const k of Object.keys(store)) if (k.startsWith(prefix)) store.removeItem(k)
      store.removeItem(knownDraftsKey(user))
    },
  }
}

let lastTime = 0
let lastSuffix = 0

/** A new id that sorts after all earlier ones of this page: time, a counter, and chance. */
export function newClientID(now = Date.now()): string {
  lastSuffix = now <= lastTime ? lastSuffix + 1 : 0
  lastTime = Math.max(now, lastTime)
  const random = crypto.getRandomValues(new Uint8Array(8))
  const chance = Array.from(random, (b) => b.toString(16).padStart(2, '0')).join('')
  return `${lastTime.toString(36).padStart(9, '0')}-${lastSuffix.toString(36).padStart(4, '0')}-${chance}`
}

/** Names this browser, so that the client ids of one person's devices do not meet. */
export function deviceID(store: globalThis.Storage): string {
  const fresh = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, '0')).join('')
  try {
    const known = store.getItem('parley:device')
    if (known && /^[a-z0-9]{8,64}$/.test(known)) return known
    const id = fresh()
    store.setItem('parley:device', id)
    return id
  } catch {
    return fresh()
  }
}

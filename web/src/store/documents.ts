// Small documents that one person's clients share over the server: settings,
// the order of the sidebar. A change is shown at once, and repeated on what
// another device has put there meanwhile.

import { create } from 'zustand'
import { keptOf } from '../protocol/base'
import { ApiError, explain } from '../protocol/error'
import type { ActionName, Actions, Document, Signal } from '../protocol/types'
import { toast } from './toasts'

type Value = Document['value']
type Change = (was: Value) => Value
type Call = <A extends ActionName>(action: A, params: Actions[A][0]) => Promise<Actions[A][1]>

/** What the screens show of each document, with the changes that are on their way. */
export const useDocuments = create<{ shown: Record<string, Value> }>()(() => ({ shown: {} }))

/** A document as it is shown; empty where there is none. */
export function useDocument<T extends object>(name: string): Partial<T> {
  return useDocuments((d) => (d.shown[name] ?? none) as Partial<T>)
}
const none: Value = {}

export const documentOf = <T extends object>(name: string): Partial<T> => (useDocuments.getState().shown[name] ?? none) as Partial<T>

interface One {
  version: number
  value: Value
  changes: Change[]
}

interface Stored {
  [name: string]: { version: number; value: Value; unsaved?: boolean }
}

/** The documents of one person while they are connected. */
export class Documents {
  private all = new Map<string, One>()
  private saving = new Map<string, Promise<void>>()
  private readonly key: string

  constructor(
    user: string,
    private readonly call: Call,
    private readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>,
  ) {
    this.key = `parley:documents:${keptOf(user)}`
    for (const [name, { version, value, unsaved }] of Object.entries(this.stored())) {
      // What was not saved is put in the place of that version, and no other.
      const again: Change = (was) => (this.all.get(name)!.version === version ? value : was)
      this.all.set(name, { version, value: unsaved ? {} : value, changes: unsaved ? [again] : [] })
    }
    this.show()
  }

  /** Changes a document: at once here, and soon on the server. Returns when it is there, or that is not possible now. */
  change(name: string, change: Change): Promise<void> {
    const one = this.all.get(name) ?? { version: 0, value: {}, changes: [] }
    this.all.set(name, { ...one, changes: [...one.changes, change] })
    this.show()
    return this.save(name)
  }

  /** Reads all documents, and saves what could not be saved until now. To be called whenever the connection is there again. Returns those that there are. */
  async fetch(): Promise<Document[]> {
    const asked = new Map(this.all)
    const { documents } = await this.call('document.list', {})
    const list = documents ?? []
    const isThere = (name: string) => list.some((d) => d.name === name)
    const lost = [...this.all.keys()].filter((name) => !isThere(name)).map((name) => ({ name, version: 0, value: none }))
    for (const { name, version, value } of [...list, ...lost]) {
      const one = this.all.get(name)
      // An older version counts, too: the server's data may have been restored
      // from a backup. Unless this one came while the answer was on its way.
      const newer = one && one.version > version && one.version !== asked.get(name)?.version
      if (!newer) this.all.set(name, { version, value, changes: one?.changes ?? [] })
    }
    this.show()
    for (const d of list) if (d.version >= this.all.get(d.name)!.version) this.onServer(d.name, d.value, d.version)
    for (const [name, one] of this.all) if (one.changes.length > 0) void this.save(name)
    return list
  }

  /** Takes the news that another client has changed a document. */
  heard(s: Signal): void {
    if (s.document && (this.all.get(s.document)?.version ?? 0) < (s.version ?? 0) && !this.saving.has(s.document)) this.fetch().catch(() => {}) // asked for again after the next sync
  }

  forget(): void {
    this.all.clear()
    this.storage.removeItem(this.key)
    useDocuments.setState({ shown: {} })
  }

  private save(name: string): Promise<void> {
    const running = this.saving.get(name) ?? this.put(name).finally(() => this.saving.delete(name))
    this.saving.set(name, running)
    return running
  }

  private async put(name: string): Promise<void> {
    await Promise.resolve() // changes of one moment go together
    for (let one = this.all.get(name); one && one.changes.length > 0; one = this.all.get(name)) {
      const { changes, version } = one
      const value = apply(one)
      try {
        const done = await this.call('document.put', { name, was: version, value })
        const now = this.all.get(name)
        if (!now) return
        this.all.set(name, { version: done.version, value, changes: now.changes.slice(changes.length) })
        this.show()
        this.onServer(name, value, done.version)
      } catch (err) {
        if (err instanceof ApiError && err.code === 'conflict') {
          const failed = await this.fetch().then(
            () => this.all.get(name)?.version === version, // nothing else is there: it is refused for another reason
            () => true,
          )
          if (!failed) continue
        }
        if (err instanceof ApiError && err.passing) return
        const now = this.all.get(name)
        if (now) this.all.set(name, { ...now, changes: now.changes.slice(changes.length) })
        this.show()
        toast(explain(err))
        return
      }
    }
  }

  /** Called with the names of documents when what is shown of them has changed. */
  onChange: (name: string) => void = () => {}

  /** Called with what the server has of a document, whenever it has said so. */
  onServer: (name: string, value: Value, version: number) => void = () => {}

  private show(): void {
    const before = useDocuments.getState().shown
    const shown: Record<string, Value> = {}
    const stored: Stored = {}
    for (const [name, one] of this.all) {
      const value = apply(one)
      shown[name] = JSON.stringify(before[name]) === JSON.stringify(value) ? before[name]! : value
      stored[name] = { version: one.version, value, ...(one.changes.length > 0 ? { unsaved: true } : {}) }
    }
    useDocuments.setState({ shown })
    for (const name of Object.keys(shown)) if (shown[name] !== before[name]) this.onChange(name)
    try {
      this.storage.setItem(this.key, JSON.stringify(stored))
    } catch {
      // Storage is full or closed: they come with the connection.
    }
  }

  private stored(): Stored {
    try {
      return JSON.parse(this.storage.getItem(this.key) ?? '{}') as Stored
    } catch {
      return {}
    }
  }
}

const apply = (one: One): Value => one.changes.reduce((value, change) => change(value), one.value)

// What is being written, on all of a person's devices: the document "drafts".
// For each room three texts are compared: the one here, the server's, and the
// one that both last agreed on. So nothing that was written anywhere is lost,
// whichever device comes late.

import { type Documents, documentOf } from './documents'

type Texts = Record<string, string>
type Value = Record<string, unknown>

/** What is known of a room's draft: what this browser and the server agreed on, and what was written here since and may be there. */
interface Known {
  agreed: string
  sent: string[]
}

const mostBytes = 40 << 10 // of all drafts together; a document is at most 48 KiB
const mostSent = 20
const pause = 2_000 // ms without a key until a draft is handed in

/** The same of all rooms, with the version of the document in which they agreed. */
interface AllKnown {
  version: number
  rooms: Record<string, Known>
}

const fresh: Known = { agreed: '', sent: [] }
const size = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length
const roomsOf = (value: Value): Texts => (value.rooms ?? {}) as Texts

/** The text that takes the place of both: that of the side that has changed it; where both did, one that has all that was written. */
export function mergeDraft({ agreed, sent }: Known, mine: string, theirs: string): string {
  if (theirs === agreed || sent.includes(theirs)) return mine // nothing new
  if (mine === agreed) return theirs
  if (mine.includes(theirs)) return mine
  return theirs.includes(mine) ? theirs : `${theirs}\n\n${mine}`
}

/** The drafts of one person while they are connected. */
export class Drafts {
  private timer: ReturnType<typeof setTimeout> | undefined
  private stopped = false

  constructor(
    private readonly documents: Pick<Documents, 'change'>,
    /** What is written in this browser. */
    private readonly local: { all: () => Texts; take: (room: string, text: string) => void },
    private readonly storage: Pick<Storage, 'getItem' | 'setItem'>,
    private readonly key: string,
  ) {}

  /** To be called when something was written. It is handed in when one stops for a moment; that a draft is gone, soon. */
  written(text: string): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.push(), text === '' ? 300 : pause)
  }

  /** Hands in what has changed here; returns when that is done, or is not possible now. */
  async push(): Promise<void> {
    clearTimeout(this.timer)
    if (this.stopped) return
    const shown = documentOf('drafts') as Value
    if (roomsOf(this.put(shown)) !== roomsOf(shown)) await this.documents.change('drafts', (was) => this.put(was))
  }

  /** Takes what the server has now; null where it has no drafts at all. */
  heard(value: Value | null, version: number): void {
    if (this.stopped) return
    const theirs = roomsOf(value ?? {})
    const mine = this.texts()
    const before = this.known()
    const known = version < before.version ? {} : before.rooms // a server that has lost some is given them again
    let behind = false
    for (const room of new Set([...Object.keys(theirs), ...Object.keys(mine), ...Object.keys(known)])) {
      const [k, here, there] = [known[room] ?? fresh, mine[room] ?? '', theirs[room] ?? '']
      const text = mergeDraft(k, here, there)
      const sent = k.sent.slice(k.sent.indexOf(there) + 1)
      if (there === '' && sent.length === 0) delete known[room]
      else known[room] = { agreed: there, sent }
      if (text !== here) this.local.take(room, text)
      behind ||= text !== there
    }
    this.keep({ version, rooms: known })
    if (behind) this.written('')
  }

  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
  }

  /** The document with what is written here now. A text for which there is no room in it stays out. It can be done again on what it has made. */
  private put(was: Value): Value {
    const mine = this.texts()
    const { version, rooms: known } = this.known()
    let value = was
    for (const room of new Set([...Object.keys(mine), ...Object.keys(known)])) {
      const { [room]: theirs = '', ...others } = roomsOf(value)
      const text = mergeDraft(known[room] ?? fresh, mine[room] ?? '', theirs)
      if (text === theirs) continue
      const next = { ...value, rooms: text === '' ? others : { ...others, [room]: text } }
      if (text.length > theirs.length && size(next) > mostBytes) continue
      const { agreed, sent } = known[room] ?? fresh
      known[room] = { agreed, sent: [...sent.filter((x) => x !== text), text].slice(-mostSent) }
      value = next
    }
    if (value !== was) this.keep({ version, rooms: known })
    return value
  }

  private texts(): Texts {
    return Object.fromEntries(Object.entries(this.local.all()).filter(([, text]) => text.trim() !== ''))
  }

  private known(): AllKnown {
    try {
      const { version = 0, rooms = {} } = JSON.parse(this.storage.getItem(this.key) ?? '{}') as Partial<AllKnown>
      return { version, rooms }
    } catch {
      return { version: 0, rooms: {} }
    }
  }

  private keep(known: AllKnown): void {
    try {
      this.storage.setItem(this.key, JSON.stringify(known))
    } catch {
      // Storage is full or closed: where texts differ, both are kept.
    }
  }
}

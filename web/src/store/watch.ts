// Whom this page watches: the server tells it when they come and go.

import { inPairs } from './select'
import type { State } from './state'

/** The most people that the server lets one connection watch. */
const most = 500

interface Deps {
  /** Has the server tell of these people from now on, and returns who of them is online. */
  ask: (users: string[]) => Promise<string[]>
  onAnswer: (online: Record<string, boolean>) => void
  after: (ms: number, f: () => void) => void
}

/** The most people of the open room that are watched where there are more on the server than can be watched. */
const mostInRoom = 100

/** Everybody, or on a large server those whom one can see: oneself, those in direct rooms, and those in the open room. */
export function toWatch(s: State, room: string | null): string[] {
  if (s.me.role === 'guest') return [] // guests are not told
  const people = Object.keys(s.people)
  if (people.length <= most) return people
  const members = Object.keys(s.members[room ?? ''] ?? {}).slice(0, mostInRoom)
  return [...new Set([s.me.id, ...members, ...inPairs(s).split(',')])].filter((id) => id !== '').slice(0, most)
}

export class Watch {
  private wanted: string[] = []
  private from: unknown[] = []
  /** What the server was asked for last on this connection, as one text; null if nothing was. */
  private asked: string | null = null
  private asking = false
  private again = false
  private waiting = false

  constructor(private readonly d: Deps) {}

  /** A connection has synced: it watches nobody yet. */
  begin(): void {
    this.asked = null
    this.again = this.asking
    void this.ask()
  }

  /** Takes what is shown now. */
  show(s: State, room: string | null): void {
    const from = [s.me.id, s.me.role, inPairs(s), s.people, s.members[room ?? '']]
    if (from.every((x, i) => x === this.from[i])) return
    this.from = from
    this.wanted = toWatch(s, room)
    if (this.waiting || this.asked === null) return
    this.waiting = true
    this.d.after(200, () => {
      this.waiting = false
      if (this.asked !== null) void this.ask()
    })
  }

  private async ask(): Promise<void> {
    const users = this.wanted
    const text = [...users].sort().join()
    if (this.asking || text === this.asked) return
    this.asking = true
    this.asked = text
    try {
      const here = new Set(await this.d.ask(users))
      this.d.onAnswer(Object.fromEntries(users.map((id) => [id, here.has(id)])))
    } catch {
      this.asked = null // the next sync asks again
    } finally {
      this.asking = false
    }
    const again = this.again
    this.again = false
    if (again) this.asked = null
    if (again || this.asked !== null) void this.ask()
  }
}

// What the server cannot do at the moment. The page learns of it from a refused
// call, asks the server whether nothing can be saved, and asks again until it
// works.

import { ApiError } from '../protocol/error'
import type { ServerInfo } from '../protocol/types'

/** How often the server is asked while it cannot save, in ms. */
const interval = 5_000

interface Ports {
  info: () => Promise<ServerInfo>
  /** Takes what the server says of itself. */
  onInfo: (info: ServerInfo) => void
  /** The server saves again. */
  onWorks: () => void
  /** Runs f later, unless the returned function is called first. */
  after: (ms: number, f: () => void) => () => void
}

/** Whether the server can be read, but saves nothing. */
export const cannotSave = (info: ServerInfo | null) => Boolean(info?.degraded?.store)

export class Degraded {
  private saves = true // as far as is known
  private asking = false
  private cancel: (() => void) | null = null
  private ended = false

  constructor(private readonly p: Ports) {}

  /** Takes the error of a call: a server that answers "unavailable" may say why. */
  failed(err: unknown): void {
    if (err instanceof ApiError && err.code === 'unavailable' && err.text === undefined && !this.cancel) void this.ask()
  }

  /** Asks the server now, and again until it saves. */
  async ask(): Promise<void> {
    if (this.asking || this.ended) return
    this.asking = true
    this.cancel?.()
    this.cancel = null
    const info = await this.p.info().catch(() => null)
    this.asking = false
    if (this.ended) return
    if (info) {
      const before = this.saves
      this.saves = !cannotSave(info)
      this.p.onInfo(info)
      if (this.saves && !before) this.p.onWorks()
    }
    if (!this.saves) this.cancel = this.p.after(interval, () => void this.ask())
  }

  stop(): void {
    this.ended = true
    this.cancel?.()
  }
}

import { afterClose, backoff } from './backoff'
import { ApiError, unavailable } from './error'
import { decode, type Frame } from './frames'
import { json } from './text'
import type { ActionName, Actions } from './types'

export type Status =
  | { kind: 'connecting' } // the first time
  | { kind: 'online' }
  | { kind: 'reconnecting'; at: number; blocked: boolean } // next attempt, in ms since 1970; blocked: HTTP gets through, WebSocket does not
  | { kind: 'offline' } // the browser says that there is no network
  | { kind: 'refused' } // the session is over

/** What a socket needs of its surroundings, so that tests can stand in for them. */
export interface Surroundings {
  open: () => WebSocket
  /** Called on every new connection, before anything else is sent: syncs. A throw closes it. */
  greet: () => Promise<void>
  onFrame: (f: Exclude<Frame, { kind: 'result' | 'error' }>) => void
  /** Called before a call gets its answer: what came earlier is to be known by then. */
  beforeAnswer?: () => void
  onStatus: (s: Status) => void
  /** Asked over HTTP when a connection could not be made, as a failed upgrade does not tell why. */
  ask: () => Promise<'over' | 'alive' | 'silent'>
  /** Whether the browser says that there is no network. */
  isOffline: () => boolean
  random?: () => number
}

interface Pending {
  resolve: (v: unknown) => void
  reject: (e: ApiError) => void
  timer: ReturnType<typeof setTimeout>
}

const callTimeout = 15_000
const connectTimeout = 10_000
const quietFor = 25_000 // then a ping asks whether the other end is still there

/** One lasting connection: it reconnects until it is closed or refused. */
export class Socket {
  private ws: WebSocket | null = null
  private pending = new Map<number, Pending>()
  /** Refusals without an id, each with the calls that one of them belongs to. */
  private strays: { error: ApiError; calls: Set<number> }[] = []
  private nextID = 1
  private attempt = 0
  private hint: number | null = null
  private timer: ReturnType<typeof setTimeout> | undefined
  private idle: ReturnType<typeof setTimeout> | undefined
  private ended = false
  private online = false
  private blocked = false

  constructor(
    private readonly s: Surroundings,
    /** Whether there is something to be seen already, so that the first attempt's failure is a loss. */
    private everOnline = false,
  ) {}

  start(): void {
    this.s.onStatus({ kind: 'connecting' })
    this.connect()
  }

  /** Ends the connection for good. */
  stop(): void {
    this.ended = true
    clearTimeout(this.timer)
    this.drop(1000)
  }

  /** Tries at once: the network is back, or the person asks. With a socket open, makes sure that it lives. */
  wake(): void {
    if (this.ended) return
    if (this.ws === null) {
      clearTimeout(this.timer)
      this.connect()
    } else if (this.online) {
      this.probe(4_000)
    }
  }

  /** Closes and connects again, as after a gap that cannot be explained. */
  restart(): void {
    if (this.ws) this.lost(this.ws, 4008)
  }

  get isOnline(): boolean {
    return this.online
  }

  call<A extends ActionName>(method: A, params: Actions[A][0], timeout = callTimeout): Promise<Actions[A][1]> {
    const ws = this.ws
    if (ws === null || ws.readyState !== 1) return Promise.reject(unavailable())
    const id = this.nextID++
    return new Promise<Actions[A][1]>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.forget(id)
        reject(unavailable('error.late'))
        if (this.ws === ws) this.probe(5_000)
      }, timeout)
      this.pending.set(id, { resolve: resolve as (v: unknown) => void, reject, timer })
      ws.send(json({ jsonrpc: '2.0', id, method, params }))
    })
  }

  private connect(): void {
    let ws: WebSocket
    try {
      ws = this.s.open()
    } catch {
      this.later({ kind: 'retry', afterMs: backoff(this.attempt++, this.s.random) })
      return
    }
    this.ws = ws
    let opened = false
    this.idle = setTimeout(() => this.lost(ws, 1006, true), connectTimeout)
    ws.onopen = () => {
      opened = true
      clearTimeout(this.idle)
      this.greet(ws)
    }
    ws.onmessage = (m) => {
      if (this.ws === ws) this.frame(m.data)
    }
    ws.onclose = (e) => {
      if (this.ws === ws) this.lost(ws, e.code, !opened)
    }
  }

  private async greet(ws: WebSocket): Promise<void> {
    try {
      await this.s.greet()
    } catch (err) {
      if (!(err instanceof ApiError)) reportError(err) // a fault of ours, not to be lost in the reconnecting
      if (this.ws !== ws) return
      const over = err instanceof ApiError && err.code === 'unauthenticated'
      this.lost(ws, over ? 4001 : 1006)
      return
    }
    if (this.ws !== ws) return
    this.attempt = 0
    this.hint = null
    this.everOnline = true
    this.blocked = false
    this.online = true
    this.s.onStatus({ kind: 'online' })
    this.quiet()
  }

  private frame(data: unknown): void {
    if (this.online) this.quiet()
    let frame: Frame
    try {
      frame = decode(String(data))
    } catch {
      if (this.ws) this.lost(this.ws, 1006)
      return
    }
    if (frame.kind === 'error' && frame.id === null) {
      this.strays.push({ error: frame.error, calls: new Set(this.pending.keys()) })
      return this.settleStrays()
    }
    if (frame.kind === 'result' || frame.kind === 'error') {
      this.s.beforeAnswer?.()
      const p = this.forget(Number(frame.id))
      if (frame.kind === 'result') p?.resolve(frame.result)
      else p?.reject(frame.error)
      return
    }
    if (frame.kind === 'goodbye') this.hint = frame.retryMs
    this.s.onFrame(frame)
  }

  /** Takes a call out of those under way. */
  private forget(id: number): Pending | undefined {
    const p = this.pending.get(id)
    clearTimeout(p?.timer)
    this.pending.delete(id)
    this.settleStrays()
    return p
  }

  /** A refusal without an id is for a frame that the server could not read: the one call that gets no answer of its own. */
  private settleStrays(): void {
    const [stray] = this.strays
    if (!stray) return
    const left = [...stray.calls].filter((id) => this.pending.has(id))
    if (left.length > this.strays.length) return // the others' answers are still to come
    this.strays.shift()
    if (left[0] !== undefined) this.forget(left[0])?.reject(stray.error)
  }

  /** The connection is gone, or given up. */
  private lost(ws: WebSocket, code: number, neverOpened = false): void {
    if (this.ws !== ws) return
    this.drop(1000)
    if (this.ended) return
    const next = afterClose(code, this.attempt, this.hint, this.s.random)
    this.attempt++
    this.hint = null
    if (neverOpened) {
      void this.s.ask().then((answer) => {
        if (this.ended || this.online) return
        if (answer === 'over') this.giveUp()
        // Once may be a server that is just starting.
        this.blocked = answer === 'alive' && this.attempt > 1
      })
    }
    this.later(next)
  }

  private later(next: ReturnType<typeof afterClose>): void {
    clearTimeout(this.timer)
    if (next.kind === 'refused') return this.giveUp()
    const at = Date.now() + next.afterMs
    if (this.s.isOffline()) this.s.onStatus({ kind: 'offline' })
    else if (this.everOnline || this.attempt > 1) this.s.onStatus({ kind: 'reconnecting', at, blocked: this.blocked })
    this.timer = setTimeout(() => this.connect(), next.afterMs)
  }

  private giveUp(): void {
    this.stop()
    this.s.onStatus({ kind: 'refused' })
  }

  private drop(code: number): void {
    const ws = this.ws
    this.ws = null
    this.online = false
    clearTimeout(this.idle)
    for (const p of this.pending.values()) {
      clearTimeout(p.timer)
      p.reject(unavailable('error.cut'))
    }
    this.pending.clear()
    this.strays = []
    if (ws) {
      ws.onopen = ws.onmessage = ws.onclose = null
      ws.close(code)
    }
  }

  private quiet(): void {
    clearTimeout(this.idle)
    this.idle = setTimeout(() => this.probe(10_000), quietFor)
  }

  /** Gives the connection up unless it answers in time: a dead one may stay silent for minutes. */
  private probe(timeout: number): void {
    const ws = this.ws
    if (!ws) return
    this.ping(timeout).catch((err: ApiError) => {
      if (err.code === 'unavailable') this.lost(ws, 1006) // any other refusal is a sign of life
    })
  }

  private ping(timeout: number): Promise<unknown> {
    const ws = this.ws
    if (ws === null || ws.readyState !== 1) return Promise.reject(unavailable())
    const id = this.nextID++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.forget(id)
        reject(unavailable())
      }, timeout)
      this.pending.set(id, { resolve, reject, timer })
      ws.send(json({ jsonrpc: '2.0', id, method: 'ping' }))
    })
  }
}

// The living connection of this page: it feeds the state from the socket and
// the outbox to it.

import { deviceID, drafts, localItems, newClientID } from '../outbox/keep'
import { type Item, Outbox } from '../outbox/outbox'
import { at, keptOf } from '../protocol/base'
import { ApiError, unavailable } from '../protocol/error'
import type { Frame } from '../protocol/frames'
import { roomOf, roomStream, serverStream } from '../protocol/position'
import { rest } from '../protocol/rest'
import { Socket } from '../protocol/socket'
import type { ActionName, Actions, Event, File, FoundUsers, Message, Signal, SyncResult } from '../protocol/types'
import { Batch } from './batch'
import { beginProfiles, peopleCame } from './profiles'
import { cannotSave, Degraded } from './degraded'
import { applyEvent, applyResync, applySignal, applySync, begin, forgetTyping, positions, refresh, takeFound, takePeople } from './reduce'
import { setView } from './room'
import type { State, Step, Then } from './state'
import { partedBy } from './parted'
import { toast, useApp } from './store'
import { detailsOf } from './uploads'
import { Watch } from './watch'

/** Servers may leave out, or give as null, lists that are empty. */
const whole = (r: SyncResult): SyncResult => ({ ...r, rooms: r.rooms ?? [], gone: r.gone ?? [] })

/** What comes by itself, not as an answer. */
type News = Exclude<Frame, { kind: 'result' | 'error' }>

export class Connection {
  readonly outbox: Outbox
  readonly drafts: ReturnType<typeof drafts>
  private readonly socket: Socket
  private readonly degraded: Degraded
  private readonly watch = new Watch({
    ask: (users) => this.socket.call('presence.watch', { users }).then((r) => r.online ?? []),
    onAnswer: (online) => this.update((s) => ({ ...s, online })),
    after: (ms, f) => setTimeout(f, ms),
  })
  /** One for the whole connection, even where storage does not keep it: with another one, repeated sends would be new ones. */
  private readonly device = deviceID(localStorage)
  private syncing: Promise<void> | null = null
  private again: 'sync' | 'refresh' | null = null
  private readonly news = new Batch<News>((all) => this.take(all))
  private listeners = new Set<(e: Event) => void>()
  private ticker: ReturnType<typeof setInterval>
  private readonly unlisten: () => void

  constructor(
    user: string,
    private readonly on: {
      refused: () => void
      online: () => void
      own: (s: Signal) => void
      /** Another server answers than the one that this page belongs to. */
      other: () => void
      /** A report was made or closed. */
      reports: () => void
      /** The server has that revision of the custom emoji. */
      emoji: (revision: number) => void
      /** The owners have changed the server's settings. */
      server: () => void
      /** Whether what comes in a room is read at once. */
      looks: (room: string) => boolean
      /** A message of another was read as it came. */
      read: (room: string, no: number) => void
    },
    /** How to begin: anew, where there is only what was kept from an earlier visit. */
    private begin: 'sync' | 'refresh' = 'sync',
  ) {
    this.drafts = drafts(keptOf(user), localStorage)
    this.socket = new Socket({
      open: () => new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${at('/api/v1/ws')}`, 'parley.v1'),
      greet: () => this.sync(this.begin).then(() => void (this.begin = 'sync')),
      onFrame: (f) => this.news.add(f),
      beforeAnswer: () => this.news.flush(),
      onStatus: (status) => {
        useApp.setState({ status })
        this.outbox.setOnline(status.kind === 'online')
        if (status.kind === 'refused') on.refused()
        if (status.kind !== 'online') return
        if (cannotSave(useApp.getState().info)) void this.degraded.ask()
        on.online()
      },
      ask: () =>
        rest.me().then(
          () => 'alive',
          (e: unknown) => (e instanceof ApiError && e.code === 'unauthenticated' ? 'over' : 'silent'),
        ),
      isOffline: () => !navigator.onLine,
    }, begin === 'refresh')
    this.outbox = new Outbox({
      storage: localItems(keptOf(user), localStorage),
      send: (i) => this.send(i),
      newID: newClientID,
      now: Date.now,
      onChange: (outbox) => useApp.setState({ outbox }),
      after: (ms, f) => setTimeout(f, ms),
    })
    this.degraded = new Degraded({
      info: rest.info,
      onInfo: (info) => useApp.setState({ info }),
      onWorks: () => this.outbox.setOnline(this.socket.isOnline),
      after: (ms, f) => {
        const timer = setTimeout(f, ms)
        return () => clearTimeout(timer)
      },
    })
    useApp.setState({ outbox: this.outbox.list })
    beginProfiles((params) =>
      this.socket.call('user.find', params).then((found) => {
        this.update((s) => takeFound(s, found))
        return found
      }),
    )
    this.ticker = setInterval(() => this.update((s) => forgetTyping(s, Date.now())), 1_000)
    const wake = () => {
      if (document.visibilityState === 'visible') this.socket.wake()
      else this.news.flush() // the next frame may be far off
    }
    const network = () => this.socket.wake()
    window.addEventListener('online', network)
    window.addEventListener('offline', network)
    document.addEventListener('visibilitychange', wake)
    const unwatch = useApp.subscribe(({ chat, room }) => chat && this.watch.show(chat, room))
    this.unlisten = () => {
      unwatch()
      window.removeEventListener('online', network)
      window.removeEventListener('offline', network)
      document.removeEventListener('visibilitychange', wake)
    }
  }

  start(): void {
    this.socket.start()
  }

  stop(): void {
    clearInterval(this.ticker)
    this.unlisten()
    this.news.clear()
    this.degraded.stop()
    beginProfiles(null)
    this.socket.stop()
  }

  /** Tries to connect at once. */
  wake(): void {
    this.socket.wake()
  }

  /** Calls an action over the socket. */
  call<A extends ActionName>(action: A, params: Actions[A][0]): Promise<Actions[A][1]> {
    const answer = this.socket.call(action, params)
    answer.catch((err: unknown) => this.degraded.failed(err))
    return answer
  }

  private async send(i: Item): Promise<Message> {
    const message = await this.call('message.send', { room: i.room, text: i.text, ...(i.files ? filesOf(i.files) : {}), client_id: i.client_id })
    useApp.setState({ ahead: Date.now() - Date.parse(message.at) })
    return message
  }

  /** Runs f for every event until the returned function is called. */
  listen(f: (e: Event) => void): () => void {
    this.listeners.add(f)
    return () => this.listeners.delete(f)
  }

  /** Changes the state, if there is one. */
  update(change: (s: State) => State): void {
    const { chat } = useApp.getState()
    if (!chat) return
    const next = change(chat)
    if (next !== chat) useApp.setState({ chat: next })
  }

  /** Changes the state, and does what the change asks for. */
  step(change: (s: State) => Step): void {
    const { chat } = useApp.getState()
    if (!chat) return
    const { state, then } = change(chat)
    if (state !== chat) useApp.setState({ chat: state })
    if (then !== 'nothing') this.resyncLater(then)
  }

  private resyncLater(how: 'sync' | 'refresh'): void {
    if (this.again !== 'refresh') this.again = how
    if (this.syncing) return
    this.syncing = Promise.resolve()
      .then(async () => {
        while (this.again) {
          const next = this.again
          this.again = null
          await this.sync(next)
        }
      })
      .catch((err: unknown) => {
        if (!(err instanceof ApiError)) reportError(err)
        this.socket.restart() // connecting again syncs again
      })
      .finally(() => {
        this.syncing = null
      })
  }

  private async sync(how: 'sync' | 'refresh'): Promise<void> {
    this.news.flush()
    const before = useApp.getState().chat
    const { device } = this
    if (!before || how === 'refresh') {
      const result = this.same(await this.socket.call('sync', { device }))
      this.on.emoji(result.emoji_revision ?? 0)
      useApp.setState({ chat: before ? refresh(before, result) : begin(result) })
    } else {
      const gave = positions(before)
      const result = this.same(await this.socket.call('sync', { device, positions: gave }))
      this.on.emoji(result.emoji_revision ?? 0)
      this.update((s) => applySync(s, result, gave))
      for (const id of Object.keys(before.stale)) if (!gave[roomStream(id)]) this.settle(id)
    }
    for (const view of Object.values(useApp.getState().chat?.rooms ?? {})) this.settle(view.id)
    this.watch.begin()
    if (!useApp.getState().chat?.serverPosition) void this.people()
  }

  /**
   * Takes the answer of the server that this page belongs to. To any other
   * nothing is sent, and nothing of it is shown beside what was here.
   */
  private same(r: SyncResult): SyncResult {
    if (r.server_id === useApp.getState().info?.id) return whole(r)
    this.stop()
    this.on.other()
    throw unavailable()
  }

  private settle(room: string): void {
    const head = useApp.getState().chat?.rooms[room]?.head_no
    if (head !== undefined) this.outbox.settle(room, head)
  }

  /** Applies what came together, as one change of the state. */
  private take(all: News[]): void {
    let chat = useApp.getState().chat
    let then: Then = 'nothing'
    const step = (change: (s: State) => Step) => {
      if (!chat) return
      const next = change(chat)
      chat = next.state
      if (next.then !== 'nothing' && then !== 'refresh') then = next.then
    }
    const before = chat
    for (const f of all) {
      if (f.kind === 'event') {
        const parted = partedBy(chat, f.event)
        if (parted) {
          useApp.setState({ parted })
          toast(parted.text)
        }
        step((s) => applyEvent(s, f.event, this.on.looks))
      } else if (f.kind === 'signal' && (f.signal.kind === 'document' || f.signal.kind === 'schedule')) {
        this.on.own(f.signal)
      } else if (f.kind === 'signal' && f.signal.kind === 'reports') {
        this.on.reports()
      } else if (f.kind === 'signal' && f.signal.kind === 'emoji') {
        this.on.emoji(f.signal.version ?? 0)
      } else if (f.kind === 'signal' && f.signal.kind === 'server') {
        this.on.server()
      } else if (f.kind === 'signal') {
        if (chat) chat = applySignal(chat, f.signal, Date.now())
      } else if (f.kind === 'resync') {
        step((s) => applyResync(s, f.stream, f.position))
      }
    }
    if (chat !== before) useApp.setState({ chat })
    for (const f of all) {
      if (f.kind === 'event') this.applied(f.event)
      else if (f.kind === 'resync') {
        const room = roomOf(f.stream)
        if (room !== null) void this.refetch(room)
        if (f.stream === serverStream) void this.people()
      }
    }
    if (then !== 'nothing') this.resyncLater(then)
  }

  /** Does what follows from an event that is in the state. */
  private applied(e: Event): void {
    const mine = e.message
    if (mine?.client_id && mine.from === useApp.getState().chat?.me.id) this.outbox.remove(mine.client_id)
    const room = roomOf(e.stream)
    if (room !== null) this.settle(room)
    if (room !== null && e.kind === 'message.created' && mine!.from !== useApp.getState().chat?.me.id && this.on.looks(room)) this.on.read(room, mine!.no)
    // What held messages back may be over.
    if (room !== null && (e.kind === 'room.updated' || e.kind === 'member.updated')) this.outbox.hurry(room)
    for (const l of this.listeners) l(e)
  }

  /** Fetches the view of a room that is not to be relied on. */
  private async refetch(room: string): Promise<void> {
    try {
      const view = await this.socket.call('room.get', { room })
      this.step((s) => (s.rooms[room] ? setView(s, view) : { state: s, then: 'nothing' }))
      this.settle(room)
    } catch (err) {
      // not_found: we are no longer in it, and room.left says so. Else the next
      // sync, without a position for it.
      if (!(err instanceof ApiError && err.code === 'not_found')) this.resyncLater('sync')
    }
  }

  private async people(): Promise<void> {
    try {
      const first = await this.socket.call('user.list', { limit: 200 })
      // Of more people than that, those who were known before are asked for
      // anew, up to a number; others when something shows them.
      const here = new Set(first.users.map((u) => u.id))
      const others = first.next ? Object.keys(useApp.getState().chat?.people ?? {}).filter((id) => !here.has(id)).slice(0, 500) : []
      const known: FoundUsers[] = []
      while (others.length > 0) known.push(await this.socket.call('user.find', { users: others.splice(0, 100) }))
      this.update((s) => takePeople(s, first, known))
      peopleCame()
    } catch {
      // The next sync asks again: the position is still unknown.
    }
  }
}

/** The files of a message, as it is sent. */
function filesOf(files: File[]): Pick<Actions['message.send'][0], 'files' | 'file_details'> {
  const details = files.map((f) => [f.id, detailsOf(f)] as const).filter(([, d]) => Object.keys(d).length > 0)
  return { files: files.map((f) => f.id), ...(details.length > 0 ? { file_details: Object.fromEntries(details) } : {}) }
}

// What the screens can ask for. Each returns when the server has agreed; errors
// are ApiError.

import { t } from '../i18n'
import { ApiError, explain } from '../protocol/error'
import { leave } from '../protocol/provider'
import { rest } from '../protocol/rest'
import { keepFor, keptOf } from '../protocol/base'
import { knownDraftsKey } from '../outbox/keep'
import { roomStream } from '../protocol/position'
import type { Event, File, LoggedIn, Member, MemberPage, PasskeyAnswer, Room, RoomChange, RoomPage, RoomKind, RoomRole, RoomView } from '../protocol/types'
import { dropSnapshot, Keeper, loadSnapshot, type Snapshot } from '../offline/snapshot'
import { askForNewer } from '../offline/version'
import { Connection } from './connection'
import { forgetEmoji, heardEmoji, recallEmoji } from './customEmoji'
import { Documents } from './documents'
import { Drafts } from './drafts'
import { fetchLater, forgetLater } from './later'
import { onClosedLayer } from './layers'
import { moveRead, takeMembers } from './reduce'
import { askProof } from './proof'
import { fetchReports, forgetReports } from './reports'
import { adopt, takePage, visit, type Where } from './room'
import { type Page, pages, toast, useApp } from './store'
import { pageSize, shrink } from './timeline'
import { forgetSeen } from './seen'
import { shownUnread } from './select'
import { type State, without } from './state'

let connection: Connection | null = null
let keeper: Keeper | null = null
let documents: Documents | null = null
let drafts: Drafts | null = null
document.addEventListener('visibilitychange', () => document.hidden && void drafts?.push())
useApp.subscribe((now, before) => {
  if (now.chat !== before.chat) keeper?.changed()
})

const live = (): Connection => {
  if (!connection) throw new ApiError('unauthenticated', '', { text: 'error.loggedOut' })
  return connection
}

/** Finds out who we are, and opens the chat or the log-in page. Without a connection, what was kept of the chat. */
export async function boot(): Promise<void> {
  try {
    if (storageBlocked()) return useApp.setState({ screen: 'unreachable', reason: t('app.cookies') })
    const account = rest.me() // asked at once, and judged when it is known who answers
    account.catch(() => {})
    const info = await rest.info()
    // Something else may answer here, such as a proxy that asks for a password.
    if (!info?.limits) throw new ApiError('unavailable', '', { text: 'error.unreadable' })
    useApp.setState({ info })
    const me = await account
    enter(me.user.id)
  } catch (err) {
    const { info } = useApp.getState()
    if (info && err instanceof ApiError && err.code === 'unauthenticated') {
      void dropSnapshot() // the session was ended while this page was closed
      useApp.setState({ screen: 'signed-out' })
    } else if (info && err instanceof ApiError && err.because?.kind === 'factor') {
      useApp.setState({ screen: 'enrol' })
    } else {
      const kept = await loadSnapshot()
      if (kept && (!info || info.id === kept.info.id)) enter(kept.chat.me.id, kept)
      else useApp.setState({ screen: 'unreachable', reason: err instanceof ApiError && err.code === 'unauthenticated' ? t('error.unreadable') : explain(err) })
    }
  }
}

/** Whether this browser lets the page keep nothing, a session least of all. */
function storageBlocked(): boolean {
  try {
    localStorage.getItem('parley:device')
    return !navigator.cookieEnabled
  } catch {
    return true
  }
}

function enter(user: string, kept?: Snapshot): void {
  connection?.stop()
  keeper?.stop(false)
  if (kept) useApp.setState({ info: kept.info })
  keepFor(useApp.getState().info?.id ?? '')
  recallEmoji()
  useApp.setState({ chat: kept?.chat ?? null, outbox: [], reason: null, status: { kind: 'connecting' }, faults: {} })
  const own = (documents = new Documents(user, (action, params) => call(action, params), localStorage))
  // What is marked as unread is counted anew.
  own.onChange = (name) => name === 'unread' && change((s) => ({ ...s, rooms: Object.fromEntries(Object.entries(s.rooms).map(([id, view]) => [id, { ...view }])) }))
  own.onServer = (name, value, version) => name === 'drafts' && drafts?.heard(value, version)
  connection = new Connection(user, {
    looks: (room) => looked.has(room) && document.hasFocus(),
    read: (room, no) => {
      reads.set(room, no)
      void tellReads()
    },
    refused: () => void over(user),
    other: () => {
      reads.clear()
      void boot()
    },
    emoji: (revision) => void heardEmoji(revision, () => call('emoji.list', {})).catch(() => {}), // after the next sync again
    reports: () => void fetchReports().catch(() => {}), // after the next sync again
    server: () => void rest.info().then((info) => useApp.setState({ info }), () => {}), // the next page load asks again
    own: (s) => (s.kind === 'document' ? own.heard(s) : void fetchLater().catch(() => {})),
    online: () => {
      own.fetch().then((list) => {
        if (!list.some((d) => d.name === 'drafts')) drafts?.heard(null, 0)
        return fetchReports()
      }).catch(() => {}) // after the next sync again
      fetchLater().catch(() => {})
      useApp.setState({ faults: {} }) // what failed for want of a connection is tried again
      void tellReads()
      void askForNewer()
    },
  }, kept ? 'refresh' : 'sync')
  drafts?.stop()
  const { all } = connection.drafts
  drafts = new Drafts(own, { all, take: keepDraft }, localStorage, knownDraftsKey(keptOf(user)))
  keeper = new Keeper(() => useApp.getState())
  useApp.setState({ screen: 'chat', drafts: connection.drafts.all() })
  connection.start()
}

let cameBack = 0

/** The session is over. Where another program logs people in, it may know them still: then a new one has begun. */
async function over(user: string): Promise<void> {
  const ending = connection
  const { info, chat } = useApp.getState()
  if (info?.external && chat && Date.now() - cameBack > 10_000) {
    cameBack = Date.now()
    const me = await rest.me().catch(() => null)
    if (connection !== ending) return
    if (me?.user.id === user) return enter(user, { format: 2, info, chat })
  }
  exit(t('gate.over'))
}

function exit(reason: string | null): void {
  connection?.stop()
  connection = null
  keeper?.stop(true)
  keeper = null
  drafts?.stop()
  drafts = null
  documents?.forget()
  documents = null
  forgetLater()
  forgetReports()
  forgetEmoji()
  forgetSeen()
  reads.clear()
  useApp.setState({ screen: 'signed-out', reason, chat: null, outbox: [], drafts: {}, room: null, held: null, page: null })
  document.title = 'Parley'
}

/** Goes to where a new session leads: to the chat, or to the second factor that it lacks. */
export function arrive(session?: LoggedIn): void {
  if (!session) return void boot()
  if (session.session.scopes?.includes('factor')) return useApp.setState({ screen: 'enrol' })
  enter(session.user.id)
}

export async function logIn(name: string, password: string, code?: string, passkey?: PasskeyAnswer): Promise<void> {
  try {
    arrive(await rest.logIn(name, password, code, passkey))
  } catch (err) {
    if (err instanceof ApiError && err.code === 'unauthenticated' && !err.because) throw new ApiError(err.code, err.message, { text: 'refusal.unauthenticated.logIn' })
    throw err
  }
}

/** Logs in by a link that the operator has made. */
export const logInByLink = (code: string, factor?: string, passkey?: PasskeyAnswer) => byLink(() => rest.redeem(code, factor, passkey))

/** Sets a new password by a link, and logs in. */
export const resetPassword = (code: string, password: string, factor?: string, passkey?: PasskeyAnswer) =>
  byLink(() => rest.resetPassword(code, password, factor, passkey))

async function byLink(run: () => Promise<LoggedIn>): Promise<void> {
  try {
    const session = await run()
    history.replaceState(null, '', location.pathname)
    arrive(session)
  } catch (err) {
    if (err instanceof ApiError && err.code === 'not_found') throw new ApiError(err.code, err.message, { text: 'gate.linkOver' })
    throw err
  }
}

/** Signs up; whoever sets the server up gives it a name, too. */
export async function signUp(name: string, password: string, invite?: string, team = ''): Promise<void> {
  const session = await rest.signUp(name, password, invite)
  if (team) useApp.setState({ info: await rest.nameServer(team).catch(() => useApp.getState().info) }) // it can be named later, too
  history.replaceState(null, '', location.pathname)
  arrive(session)
}

/** Ends the session, and forgets what this browser kept for it. */
export async function logOut(): Promise<void> {
  const { info } = useApp.getState()
  if (info?.external) {
    connection?.outbox.clear()
    connection?.drafts.clear()
    exit(null)
    if (info.log_out) location.assign(info.log_out)
    return
  }
  if (useApp.getState().status.kind === 'online') await drafts?.push() // they are there when one comes back
  const ending = connection // the socket may be closed, and all be over here, before the answer comes
  const away = info?.providers ? await leave() : null
  if (away?.problem) throw new ApiError('unavailable', '', { text: 'error.unreachable' })
  if (!away) {
    await rest.logOut().catch((err: unknown) => {
      if (!(err instanceof ApiError && err.code === 'unauthenticated')) throw err
    })
  }
  ending?.outbox.clear()
  ending?.drafts.clear()
  exit(null)
  history.replaceState(null, '', location.pathname)
  if (away?.url) location.assign(away.url) // the session there ends too
}

export async function changePassword(old: string, next: string): Promise<void> {
  const { user } = await rest.changePassword(old, next)
  enter(user.id) // the socket of the old session is closed by the server
}

/** Calls an action of the server. What it wants a fresh proof for is called again after that. */
export const call: Connection['call'] = async (action, params) => {
  const on = live()
  try {
    return await on.call(action, params)
  } catch (err) {
    if (!(err instanceof ApiError && err.because?.kind === 'proof') || !(await askProof())) throw err
    return on.call(action, params)
  }
}

/** Changes the state, where there is one. */
export const change = (to: (s: State) => State) => connection?.update(to)

/** Changes one of the person's documents, on all of their devices. */
export const changeDocument = (name: string, change: (was: Record<string, unknown>) => Record<string, unknown>) => documents?.change(name, change)

export const reconnect = () => connection?.wake()
export const send = (room: string, text: string, files: File[] = []) => live().outbox.add(room, text, files)
export const takeBack = (clientID: string) => connection?.outbox.remove(clientID)
export const retry = (clientID: string) => connection?.outbox.retry(clientID)
/** Forgets a message that was not sent, unless that is taken back. */
export function discard(clientID: string): void {
  const to = connection
  const item = to?.outbox.list.find((i) => i.client_id === clientID)
  if (!to || !item) return
  to.outbox.remove(clientID)
  toast(t('undo.discarded'), { undo: () => to === connection && to.outbox.restore(item) })
}
export const draft = (room: string) => useApp.getState().drafts[room] ?? ''
/** What another tab may have written since. */
export const storedDraft = (room: string): string => connection?.drafts.all()[room] ?? ''
export function setDraft(room: string, text: string): void {
  keepDraft(room, text)
  drafts?.written(text)
}
function keepDraft(room: string, text: string): void {
  if (!connection) return
  connection.drafts.set(room, text)
  useApp.setState((a) => ({ drafts: text.trim() ? { ...a.drafts, [room]: text } : without(a.drafts, room) }))
}
export const follow = (listener: (e: Event) => void) => connection?.listen(listener) ?? (() => {})

/** Opens a room, or none. The address keeps it, so that back, reload and links work. */
export function openRoom(id: string | null, replace = false): void {
  address(id ? `#/r/${encodeURIComponent(id)}` : '#/', replace)
  useApp.setState({ page: null })
  showRoom(id)
}

/** Opens a page over the room that is open. */
export function openPage(page: Page): void {
  address(`#/${page}`, false)
  useApp.setState({ page })
}

function address(hash: string, replace: boolean): void {
  if (location.hash === hash && !onClosedLayer()) return
  if (replace || onClosedLayer()) history.replaceState(null, '', hash)
  else history.pushState(null, '', hash)
}

/** What an address names: a page, or a room, a message of it, and a reply in its thread. */
export function inAddress(hash = location.hash): { room: string | null; no: number | null; reply: number | null; page: Page | null } {
  const match = /^#\/r\/([^/?]+)(?:\/(\d{1,15})(?:\?reply=(\d{1,15}))?)?$/.exec(hash)
  const page = pages.find((p) => hash === `#/${p}`) ?? null
  const number = (text: string | undefined) => (text ? Number(text) : null)
  try {
    return { room: match ? decodeURIComponent(match[1]!) : null, no: number(match?.[2]), reply: number(match?.[3]), page }
  } catch {
    return { room: null, no: null, reply: null, page }
  }
}

export function showRoom(id: string | null): void {
  const { room: before } = useApp.getState()
  if (before === id) return
  if (before !== null) {
    connection?.update((s) => {
      const t = s.timelines[before]
      if (!t) return s
      const small = shrink(t)
      return { ...s, timelines: small ? { ...s.timelines, [before]: small } : without(s.timelines, before) }
    })
  }
  const { chat } = useApp.getState()
  const view = id === null ? undefined : chat?.rooms[id]
  useApp.setState({ room: id, held: chat && view && shownUnread(chat, view) > 0 ? id : null })
}

const loading = new Map<string, Promise<void>>()

/** Loads messages of a room: around a message, the newest, or the next ones at either end. One load per room at a time. */
export function load(room: string, where: Where, around?: number): Promise<void> {
  const running = loading.get(room)
  if (running && where !== 'replace') return running
  const run = (running ?? Promise.resolve())
    .then(() => fetchPage(room, where, around))
    .finally(() => {
      if (loading.get(room) === run) loading.delete(room)
    })
  loading.set(room, run)
  return run
}

async function fetchPage(room: string, where: Where, around?: number): Promise<void> {
  const messages = useApp.getState().chat?.timelines[room]?.messages ?? []
  const at =
    where === 'older' ? { before: messages[0]?.no } : where === 'newer' ? { after: messages[messages.length - 1]?.no ?? 0 } : { around }
  const cursor = Object.fromEntries(Object.entries(at).filter(([, v]) => v !== undefined))
  try {
    const page = await call('message.list', { room, limit: pageSize, ...cursor })
    connection?.update((s) => takePage(s, room, where, page))
    useApp.setState((a) => ({ faults: without(a.faults, room) }))
  } catch (err) {
    useApp.setState((a) => ({ faults: { ...a.faults, [room]: explain(err) } }))
  }
}

/** Says whether the newest message of a room is in view. */
export function setFollowing(room: string, following: boolean): void {
  connection?.update((s) => {
    const t = s.timelines[room]
    return !t || t.following === following ? s : { ...s, timelines: { ...s.timelines, [room]: { ...t, following } } }
  })
}

/** What is read here and not yet known to be on the server: the newest no by room. */
const reads = new Map<string, number>()
let telling = false

/** Marks a room as read up to its newest message; at once here, and soon on the server. */
export function markRead(room: string): void {
  const view = useApp.getState().chat?.rooms[room]
  if (!view || view.unread === 0) return
  reads.set(room, view.head_no)
  connection?.update((s) => moveRead(s, room, view.head_no))
  void tellReads()
}

/**
 * The rooms, and the open thread, at whose end one looks: what comes there is
 * read as it comes, in one step with it.
 */
const looked = new Set<string>()

/** Has what comes in a room count as read, until the returned function is called. */
export function readOnArrival(room: string): () => void {
  looked.add(room)
  return () => void looked.delete(room)
}

/** Tells the server what was read. Of many marks in a busy room it sends a few; while offline, it waits for the next one. */
export async function tellReads(): Promise<void> {
  if (telling) return
  telling = true
  try {
    for (let next = reads.entries().next().value; next && connection; next = reads.entries().next().value) {
      const [room, no] = next
      try {
        await connection.call('read.mark', { room, no })
      } catch (err) {
        if (err instanceof ApiError && err.passing) return // told again when connected
      }
      if (reads.get(room) === no) reads.delete(room)
      await new Promise((done) => setTimeout(done, 300))
    }
  } finally {
    telling = false
  }
}

let lastTyping = 0

/** Tells the others that one is typing, at most every 3 seconds. */
export function typing(room: string): void {
  const now = Date.now()
  if (now - lastTyping < 3_000) return
  lastTyping = now
  call('typing.send', { room }).catch(() => {}) // it may be lost
}

/** The next keystroke tells it again: a message was sent, which ended the last one. */
export const stopTyping = () => void (lastTyping = 0)

/** Takes a room that an answer has brought. */
export const opened = (view: RoomView): RoomView => {
  connection?.step((s) => adopt(s, view))
  return view
}

/** Takes the view of a thread that one reads without following it. */
export const visited = (view: RoomView): RoomView => {
  change((s) => visit(s, view))
  return view
}

export const createRoom = async (name: string, topic: string, kind: RoomKind, users: string[]) =>
  opened(await call('room.create', { name, kind, ...(topic ? { topic } : {}), ...(users.length ? { users } : {}) }))
export const joinRoom = async (room: string) => opened(await call('room.join', { room }))
/** Opens the direct room with some others. */
export const openDirect = async (users: string[]) => openRoom(opened(await call('direct.open', users.length === 1 ? { user: users[0]! } : { users })).id)
export const leaveRoom = (room: string) => call('room.leave', { room })
export const updateRoom = (room: string, change: RoomChange) => call('room.update', { room, ...change })
export const addMember = (room: string, user: string) => call('member.add', { room, user })
export const removeMember = (room: string, user: string, reason: string) => call('member.remove', { room, user, ...(reason ? { reason } : {}) })
export const mute = (room: string, user: string, seconds: number, reason: string) => call('member.mute', { room, user, seconds, ...(reason ? { reason } : {}) })
export const unmute = (room: string, user: string) => call('member.unmute', { room, user })
/** Keeps somebody out of a room, for good with 0 seconds. */
export const ban = (room: string, user: string, seconds: number, reason: string) => call('member.ban', { room, user, ...(seconds ? { seconds } : {}), ...(reason ? { reason } : {}) })
export const updateMember = (room: string, user: string, role: RoomRole) => call('member.update', { room, user, role })

/** All public rooms. */
export async function directory(): Promise<Room[]> {
  const rooms: Room[] = []
  for (let after: string | undefined; ; ) {
    const page: RoomPage = await call('room.directory', { limit: 200, ...(after ? { after } : {}) })
    rooms.push(...page.rooms)
    after = page.next
    if (!after) return rooms
  }
}

/** Loads who is in a room unless that is known. Nothing is said if it fails: what needs it does without. */
export function loadMembersOnce(room: string): void {
  if (useApp.getState().chat?.members[room] === undefined) loadMembers(room).catch(() => {})
}

/** Loads who is in a room; from then on its events keep the list. */
export async function loadMembers(room: string): Promise<void> {
  const later: Event[] = []
  const stream = roomStream(room)
  const stop = follow((e) => void (e.stream === stream && later.push(e)))
  try {
    const members: Member[] = []
    for (let after: string | undefined; ; ) {
      const page: MemberPage = await call('member.list', { room, limit: 200, ...(after ? { after } : {}) })
      members.push(...page.members)
      after = page.next
      if (!after) break
    }
    connection?.update((s) => takeMembers(s, room, members, later))
  } finally {
    stop()
  }
}

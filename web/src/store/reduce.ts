import { place, positionOf, roomOf, roomStream, serverStream, userStream } from '../protocol/position'
import type { Event, FoundUsers, Member, NotifyLevel, Position, Signal, SyncResult, User, UserPage } from '../protocol/types'
import { adopt, applyRoomEvent, distrust, removeRoom, setView } from './room'
import { count } from './message'
import { type State, type Step, ok, without } from './state'

/** The state right after the first sync. */
export function begin(r: SyncResult): State {
  const state: State = {
    me: r.user,
    session: r.session,
    limits: r.limits,
    rooms: {},
    userPosition: r.user_position,
    serverPosition: null,
    people: { [r.user.id]: r.user },
    peopleNext: null,
    peopleSeq: {},
    online: {},
    timelines: {},
    members: {},
    notices: {},
    typing: {},
    changes: {},
    stale: {},
    dropped: {},
  }
  for (const view of r.rooms) state.rooms[view.id] = view
  return state
}

/** What to give to sync: every stream whose state we have. */
export function positions(state: State): Record<string, Position> {
  const all: Record<string, Position> = { [userStream(state.me.id)]: state.userPosition }
  if (state.serverPosition) all[serverStream] = state.serverPosition
  for (const [id, view] of Object.entries(state.rooms)) {
    if (!state.stale[id]) all[roomStream(id)] = view.position
  }
  return all
}

/** Takes the result of a sync that continued from positions(state). */
export function applySync(state: State, r: SyncResult, gave: Record<string, Position>): State {
  let next: State = {
    ...state,
    me: r.user,
    session: r.session,
    limits: r.limits,
    people: { ...state.people, [r.user.id]: r.user },
    userPosition: gave[userStream(state.me.id)] ? state.userPosition : r.user_position,
    typing: {},
  }
  const here = new Set(r.rooms.map((v) => v.id))
  for (const id of Object.keys(state.rooms)) {
    const given = gave[roomStream(id)] !== undefined
    if (r.gone.includes(roomStream(id)) || (!given && !here.has(id))) next = removeRoom(next, id)
  }
  for (const view of r.rooms) next = setView(next, view).state
  return next
}

/** Takes the result of a sync without positions: nothing of before is relied on but what one looks at. */
export function refresh(state: State, r: SyncResult): State {
  const fresh = begin(r)
  return { ...fresh, visited: state.visited, notices: state.notices, people: { ...state.people, ...fresh.people } }
}

/** Applies an event; looks says of a room whether what comes there is read at once. */
export function applyEvent(state: State, e: Event, looks: (room: string) => boolean = () => false): Step {
  const room = roomOf(e.stream)
  if (room !== null) return applyRoomEvent(state, room, e, looks(room))
  if (e.stream === serverStream) return applyServerEvent(state, e)
  if (e.stream === userStream(state.me.id)) return applyUserEvent(state, e)
  return ok(state)
}

function applyUserEvent(state: State, e: Event): Step {
  switch (place(state.userPosition, e)) {
    case 'known':
      return ok(state)
    case 'gap':
      return { state, then: 'sync' }
  }
  const next: State = { ...state, userPosition: positionOf(e) }
  if (e.kind === 'room.joined' && e.view) return adopt(next, e.view)
  if (e.kind === 'room.left' && e.left) return ok(removeRoom(next, e.left))
  if (e.kind === 'read.moved' && e.read) return ok(moveRead(next, e.read.room, e.read.no))
  if (e.kind === 'notify.changed' && e.notify) return ok(setLevel(next, e.notify.room, e.notify.level ?? ''))
  return ok(next)
}

/** Says what one is told of in a room. */
export function setLevel(state: State, room: string, level: NotifyLevel): State {
  const view = state.rooms[room]
  return view ? { ...state, rooms: { ...state.rooms, [room]: { ...view, notify: level || undefined } } } : state
}

/**
 * Moves a read position, forward only. It may run ahead of the room, when another device has read messages whose
 * events are still on their way here.
 */
export function moveRead(state: State, room: string, no: number): State {
  const view = state.rooms[room]
  if (!view || no <= view.read_no) return state
  return { ...state, rooms: { ...state.rooms, [room]: count({ ...view, read_no: no }) } }
}

function applyServerEvent(state: State, e: Event): Step {
  const at = state.serverPosition
  if (at) {
    const where = place(at, e)
    if (where === 'known') return ok(state)
    if (where === 'gap') return { state, then: 'sync' }
  }
  const next: State = { ...state, serverPosition: at ? positionOf(e) : null }
  if ((e.kind === 'user.created' || e.kind === 'user.updated') && e.user) {
    if (state.peopleNext === null || state.people[e.user.id]) next.people = { ...state.people, [e.user.id]: e.user }
    next.peopleSeq = { ...state.peopleSeq, [e.user.id]: e.seq }
    if (e.user.id === state.me.id) next.me = e.user
  }
  return ok(next)
}

/**
 * Takes the first page of user.list, and the people who were known before, asked for anew. The position of the page is
 * where the following events go on; people whom a later event has changed keep that.
 */
export function takePeople(state: State, first: UserPage, known: FoundUsers[] = []): State {
  const from = first.position
  const before = Object.entries(state.people).filter(([id]) => id === state.me.id || state.peopleSeq[id] !== undefined)
  const here: State = { ...state, people: first.next ? Object.fromEntries(before) : state.people, peopleNext: first.next ?? null }
  const { people } = [first, ...known].reduce(takeFound, here)
  let to = from
  // Events that came while we asked are applied already.
  const seen = Math.max(0, ...Object.values(state.peopleSeq))
  if (seen > to.seq) to = { epoch: from.epoch, seq: seen }
  return { ...here, people, me: people[state.me.id] ?? state.me, serverPosition: to }
}

/**
 * Takes people who were found; those whom a later event has changed keep that,
 * and who was not known then is found again.
 */
export function takeFound(state: State, found: FoundUsers): State {
  const fresh = found.users.filter((u) => (state.peopleSeq[u.id] ?? 0) <= found.position.seq)
  return fresh.length === 0 ? state : { ...state, people: { ...state.people, ...Object.fromEntries(fresh.map((u) => [u.id, u])) } }
}

/** Takes a further page of user.list. */
export const takeMorePeople = (state: State, page: UserPage): State => ({ ...takeFound(state, page), peopleNext: page.next ?? null })

/** Adds people who were asked for one by one. */
export function takePerson(state: State, user: User): State {
  return { ...state, people: { ...state.people, [user.id]: user }, me: user.id === state.me.id ? user : state.me }
}

/** Takes the people in a room; later are the events of its stream that came while they were asked for. */
export function takeMembers(state: State, room: string, list: Member[], later: Event[]): State {
  if (!state.rooms[room]) return state
  let members: Record<string, Member> = Object.fromEntries(list.map((m) => [m.user, m]))
  for (const e of later) {
    if (!e.member) continue
    members = e.kind === 'member.left' ? without(members, e.member.user) : { ...members, [e.member.user]: e.member }
  }
  return { ...state, members: { ...state.members, [room]: members } }
}

/** Says what is to be fetched again after a resync; its events go on after the position. */
export function applyResync(state: State, stream: string, position: Position): Step {
  const room = roomOf(stream)
  if (room !== null) return ok(distrust(state, room))
  if (stream === serverStream) return ok({ ...state, serverPosition: null, peopleSeq: {} })
  return { state: { ...state, userPosition: position }, then: 'refresh' }
}

const typingFor = 5_000

/** Takes a signal: who is typing, and who is online. */
export function applySignal(state: State, s: Signal, now: number): State {
  const room = roomOf(s.stream)
  if (s.kind === 'typing' && room !== null && s.user !== state.me.id && state.rooms[room]) {
    return { ...state, typing: { ...state.typing, [room]: { ...state.typing[room], [s.user]: now + typingFor } } }
  }
  if (s.kind !== 'presence') return state
  const is = s.online === true
  return state.online[s.user] === is ? state : { ...state, online: { ...state.online, [s.user]: is } }
}

/** Forgets whoever has stopped typing; the same state if nobody has. */
export function forgetTyping(state: State, now: number): State {
  let changed = false
  const typing: State['typing'] = {}
  for (const [room, people] of Object.entries(state.typing)) {
    const still = Object.entries(people).filter(([, until]) => until > now)
    if (still.length !== Object.keys(people).length) changed = true
    if (still.length > 0) typing[room] = Object.fromEntries(still)
  }
  return changed ? { ...state, typing } : state
}

import { place, positionOf } from '../protocol/position'
import type { Event, MessagePage, RoomView } from '../protocol/types'
import { changed, changeMessage, count, mentioning, withNo } from './message'
import { type Notice, type State, type Step, ok, without } from './state'
import { append, extend, fromPage, prepend, trim } from './timeline'

const mostNotices = 100
const mostChanges = 50

/** Replaces a room's view by one that was fetched, and then applies the events that it does not include. */
export function setView(state: State, view: RoomView): Step {
  const waiting = state.stale[view.id] ?? []
  const old = state.rooms[view.id]
  let next: State = {
    ...state,
    rooms: { ...state.rooms, [view.id]: view },
    stale: without(state.stale, view.id),
    dropped: without(state.dropped, view.id),
  }
  const timeline = state.timelines[view.id]
  if (old && old.position.epoch !== view.position.epoch) {
    // Numbers of another epoch may mean other messages.
    next.timelines = without(next.timelines, view.id)
    next.members = without(next.members, view.id)
  } else if (timeline) {
    const newest = timeline.messages[timeline.messages.length - 1]?.no ?? 0
    if (newest < view.head_no) next.timelines = { ...next.timelines, [view.id]: { ...timeline, moreNewer: true } }
  }
  for (const e of waiting) {
    const step = applyRoomEvent(next, view.id, e)
    if (step.then !== 'nothing') return step
    next = step.state
  }
  return ok(next)
}

/** Takes a view that came with an answer or with room.joined: an addition, never a step back. */
export function adopt(state: State, view: RoomView): Step {
  const old = state.rooms[view.id]
  if (old && old.position.epoch === view.position.epoch && old.position.seq >= view.position.seq) return ok(state)
  if (old && state.stale[view.id] === undefined) {
    // We follow this room already; what the view knows more of is on its way.
    if (old.position.epoch === view.position.epoch) return ok(state)
  }
  const missed = state.dropped[view.id]
  const step = setView(state, view)
  const hole = missed !== undefined && (missed.epoch !== view.position.epoch || missed.seq > view.position.seq)
  return hole ? { state: step.state, then: 'sync' } : step
}

/** Marks a room as not to be relied on: its events wait until setView. */
export function distrust(state: State, id: string): State {
  if (!state.rooms[id]) return state
  return {
    ...state,
    stale: { ...state.stale, [id]: state.stale[id] ?? [] },
    timelines: without(state.timelines, id),
    members: without(state.members, id),
  }
}

/** The view of a room of one's own, or of a thread that one only reads. */
export const viewOf = (state: Pick<State, 'rooms' | 'visited'>, id: string): RoomView | undefined => state.rooms[id] ?? state.visited?.[id]

/** Takes the view of a thread that is only read. Its events do not come: what is there is told by the message above it. */
export function visit(state: State, view: RoomView): State {
  const timeline = state.timelines[view.id]
  const newest = timeline?.messages.at(-1)?.no ?? 0
  return {
    ...state,
    visited: { ...state.visited, [view.id]: view },
    timelines: timeline && newest < view.head_no ? { ...state.timelines, [view.id]: { ...timeline, moreNewer: true } } : state.timelines,
  }
}

export function removeRoom(state: State, id: string): State {
  return {
    ...state,
    rooms: without(state.rooms, id),
    timelines: without(state.timelines, id),
    members: without(state.members, id),
    notices: without(state.notices, id),
    typing: without(state.typing, id),
    changes: without(state.changes, id),
    stale: without(state.stale, id),
  }
}

function addNotice(state: State, room: string, notice: Notice): State {
  const list = state.notices[room] ?? []
  return { ...state, notices: { ...state.notices, [room]: [...list, notice].slice(-mostNotices) } }
}

/**
 * Applies one event of a room's stream; looks says that a message is read as it
 * comes.
 */
export function applyRoomEvent(state: State, id: string, e: Event, looks = false): Step {
  const view = state.rooms[id]
  if (!view) return ok({ ...state, dropped: { ...state.dropped, [id]: positionOf(e) } })
  const waiting = state.stale[id]
  if (waiting) return ok({ ...state, stale: { ...state.stale, [id]: [...waiting, e] } })
  switch (place(view.position, e)) {
    case 'known':
      return ok(state)
    case 'gap':
      return { state, then: 'sync' }
  }
  return ok(change(state, { ...view, position: positionOf(e) }, e, looks))
}

function change(state: State, view: RoomView, e: Event, looks: boolean): State {
  const put = (v: RoomView): State => ({ ...state, rooms: { ...state.rooms, [v.id]: v } })
  const note = (s: State, kind: Notice['kind'], user: string, text?: string) =>
    addNotice(s, view.id, { id: `${e.id}-${kind}`, after: s.rooms[view.id]?.head_no ?? 0, at: e.at, kind, user, by: e.by, text })

  if (e.kind === 'message.created' && e.message) {
    const m = e.message
    const read = m.from === state.me.id || looks ? Math.max(view.read_no, m.no) : view.read_no
    const next = put(count({ ...view, head_no: m.no, last: m, read_no: read, mentions: withNo(view.mentions, m.no, mentioning(m, state.me.id)) }))
    const timeline = state.timelines[view.id]
    if (timeline) next.timelines = { ...state.timelines, [view.id]: append(timeline, m, view.trimmed) }
    const typing = state.typing[view.id]
    if (typing?.[m.from]) next.typing = { ...state.typing, [view.id]: without(typing, m.from) }
    return next
  }
  if (changed(e) !== null) {
    const next = put(count({ ...view, ...counted(state, view, e), last: view.last && changeMessage(view.last, e) }))
    const timeline = state.timelines[view.id]
    if (timeline) next.timelines = { ...state.timelines, [view.id]: { ...timeline, messages: timeline.messages.map((m) => changeMessage(m, e)) } }
    next.changes = { ...state.changes, [view.id]: [...(state.changes[view.id] ?? []), e].slice(-mostChanges) }
    return next
  }
  if (e.kind === 'messages.trimmed' && e.trimmed) {
    const gone = e.trimmed
    const next = put(count({ ...view, trimmed: gone, last: view.head_no > gone ? view.last : undefined }))
    const timeline = state.timelines[view.id]
    if (timeline) next.timelines = { ...state.timelines, [view.id]: trim(timeline, gone) }
    return next
  }
  if ((e.kind === 'member.joined' || e.kind === 'member.left' || e.kind === 'member.updated') && e.member) {
    const { user } = e.member
    const members = state.members[view.id]
    const joined = e.kind === 'member.joined'
    const left = e.kind === 'member.left'
    const own = e.kind === 'member.updated' && user === state.me.id ? { role: e.member.role, mute: e.member.mute } : {}
    let next = put({ ...view, ...own, members: view.members + (joined ? 1 : left ? -1 : 0) })
    if (members) {
      const changed = left ? without(members, user) : { ...members, [user]: e.member }
      next.members = { ...state.members, [view.id]: changed }
    }
    if (view.kind !== 'direct' && (joined || left)) {
      const self = e.by === undefined || e.by === user
      next = note(next, joined ? (self ? 'joined' : 'added') : self ? 'left' : 'removed', user)
    }
    return next
  }
  if ((e.kind === 'room.updated' || e.kind === 'room.created') && e.room) {
    const { name, topic, retain, archived, announce, slow } = e.room
    let next = put({ ...view, name, topic, retain, archived, announce, slow })
    if (e.kind === 'room.created') return next
    const by = e.by ?? ''
    if (name !== view.name) next = note(next, 'renamed', by, name)
    else if (topic !== view.topic) next = note(next, 'topic', by, topic ?? '')
    if (!archived !== !view.archived) next = note(next, archived ? 'archived' : 'unarchived', by)
    if (!announce !== !view.announce) next = note(next, announce ? 'announce' : 'discuss', by)
    if ((slow ?? 0) !== (view.slow ?? 0)) next = note(next, slow ? 'slow' : 'fast', by, slow ? String(slow) : '')
    return next
  }
  return put(view) // a kind from a later version: only its place counts
}

/** What a change of a message does to the numbers that are counted. */
function counted(state: State, view: RoomView, e: Event): Partial<RoomView> {
  const m = e.message
  if (!m) return {}
  if (e.kind === 'message.deleted') return { deleted: withNo(view.deleted, m.no, true), mentions: withNo(view.mentions, m.no, false) }
  if (e.kind === 'message.edited') return { mentions: withNo(view.mentions, m.no, mentioning(m, state.me.id)) }
  return {}
}

export type Where = 'replace' | 'older' | 'newer'

/** Takes a page of messages into a room's timeline. A page of a room that is gone is dropped. */
export function takePage(state: State, id: string, where: Where, asked: MessagePage): State {
  const view = viewOf(state, id)
  if (!view || state.stale[id]) return state
  // A change may have come before the page, which was read before it.
  const page = { ...asked, messages: asked.messages.map((m) => (state.changes[id] ?? []).reduce(changeMessage, m)) }
  const old = state.timelines[id]
  const newest = page.messages[page.messages.length - 1]?.no ?? 0
  let timeline
  if (!old || where === 'replace') {
    // Events may have come between the page and now: they are newer than the
    // page.
    timeline = fromPage({ ...page, more_newer: newest < view.head_no }, newest >= view.head_no)
  } else {
    timeline = where === 'older' ? prepend(old, page) : extend(old, page, view.head_no)
  }
  return { ...state, timelines: { ...state.timelines, [id]: timeline } }
}

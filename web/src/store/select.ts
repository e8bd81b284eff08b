// What the screens show, derived from the state.

import { formatList, t } from '../i18n'
import type { NotifyLevel, Right, RoomView, ServerInfo, User } from '../protocol/types'
import { documentOf } from './documents'
import { shutOut } from './person'
import { want } from './profiles'
import { derived } from './rooms'
import type { State } from './state'
import { useApp } from './store'

/** Those in a direct room but oneself. */
export const othersOf = (me: string, room: { people?: string[] }): string[] => room.people?.filter((id) => id !== me) ?? []
/** The other person of a direct room with one. */
export const otherOf = (s: State, room: { people?: string[] }): string => (isGroup(room) ? '' : (othersOf(s.me.id, room)[0] ?? ''))
/** Whether a direct room is with more than one. */
export const isGroup = (room: { people?: string[] }): boolean => (room.people?.length ?? 0) > 2

export function nameOf(s: Pick<State, 'people'>, user: string): string {
  const known = s.people[user]
  if (!known) want(user)
  return known?.name ?? (user ? t('app.somebody') : t('app.server'))
}

/** Somebody as far as they are known here. */
export const personOf = (s: State, user: string): User | undefined => s.people[user] ?? (user === s.me.id ? s.me : undefined)

/** Whether somebody is online; undefined where that is not known. */
export const presence = (s: State, user: string): boolean | undefined => s.online[user]

export function titleOf(s: State, room: RoomView): string {
  if (room.kind === 'thread') return t('thread.of', { room: s.rooms[room.parent!] ? titleOf(s, s.rooms[room.parent!]!) : '' })
  if (room.kind !== 'direct') return room.name ?? ''
  if (!isGroup(room)) return nameOf(s, otherOf(s, room))
  return formatList(othersOf(s.me.id, room).map((id) => nameOf(s, id)).sort((a, b) => a.localeCompare(b)))
}

/** Rooms that stand in the list: all but threads, which are reached by the message that they are under. */
export const listed = (s: Pick<State, 'rooms'>): RoomView[] => Object.values(s.rooms).filter((r) => r.kind !== 'thread')

/** Threads that one follows, those with the latest news first. */
export const threads = (s: Pick<State, 'rooms'>) => derived(s).threads

/** The thread under a message, if one follows or reads it. */
export const threadUnder = (s: Pick<State, 'rooms' | 'visited'>, room: string, no: number): RoomView | undefined =>
  derived(s).byRoot.get(`${room}/${no}`) ?? Object.values(s.visited ?? {}).find((r) => r.parent === room && r.root === no)

/** The people of one's direct rooms with one other, oneself among them, as one text: it stays the same while they do. */
export const inPairs = (s: Pick<State, 'rooms'>) => derived(s).pairs

/** People but oneself, those online first, then by name. */
export function sortedPeople(s: State): User[] {
  return Object.values(s.people)
    .filter((u) => u.id !== s.me.id && !shutOut(u, Date.now()))
    .sort((a, b) => Number(!!s.online[b.id]) - Number(!!s.online[a.id]) || a.name.localeCompare(b.name))
}

/** What one is told of in a room. A thread of a room that tells nothing tells nothing, unless it was chosen for it. */
export function levelOf(s: Pick<State, 'rooms'>, r: RoomView): Exclude<NotifyLevel, ''> {
  if (r.notify) return r.notify
  if (r.kind === 'thread' && s.rooms[r.parent ?? '']?.notify === 'none') return 'none'
  return r.kind === 'direct' ? 'all' : 'mentions'
}

/** The document "unread": from which message on a room is marked as unread. */
export interface Unread {
  rooms: Record<string, number>
}

export const markedAt = (room: string): number | undefined => documentOf<Unread>('unread').rooms?.[room]

/** How much is shown as unread: of a room that tells nothing, only what calls this person; and what they have marked. */
export function shownUnread(s: Pick<State, 'rooms'>, r: RoomView): number {
  const mark = markedAt(r.id)
  return Math.max(levelOf(s, r) === 'none' ? (r.mentions?.length ?? 0) : r.unread, mark === undefined ? 0 : Math.max(1, r.head_no - mark + 1))
}

export const totalUnread = (s: Pick<State, 'rooms'>) => derived(s).total

const rank = { guest: 1, member: 2, admin: 3, owner: 4 }
export const atLeast = (u: User, role: User['role']): boolean => rank[u.role] >= rank[role]

/** Whether one may rename a room and say who is in it: the server decides, this only hides what it would refuse. */
export function mayModerate(s: State, r: RoomView): boolean {
  if (r.kind === 'direct') return false
  return r.role === 'moderator' || (r.kind === 'public' && atLeast(s.me, 'admin'))
}

/** Which roles on the server one may give to somebody: none if one may not manage them at all. */
export function rolesToGive(me: User, other: User): User['role'][] {
  if (me.id === other.id || !atLeast(me, 'admin')) return []
  if (me.role === 'owner') return ['owner', 'admin', 'member', 'guest']
  return atLeast(other, 'admin') ? [] : ['member', 'guest']
}

export const mayLeave = (s: State, r: RoomView): boolean => r.kind !== 'direct' && (r.id !== 'general' || s.me.role === 'guest')

/** Whether one may invite people at all. */
export const useMayInvite = (): boolean => {
  const external = useApp((a) => a.info?.external === true)
  return useRight('invite') && !external
}

/** Whether somebody of that role has the right, as the owners have set it. */
export const hasRight = (info: ServerInfo | null, me: User | undefined, right: Right): boolean => {
  const rule = info?.rights?.find((r) => r.right === right)
  return rule !== undefined && me !== undefined && atLeast(me, rule.least)
}

export const useRight = (right: Right): boolean => useApp((a) => hasRight(a.info, a.chat?.me, right))

const fold = (text: string) => text.normalize('NFD').replace(/\p{M}/gu, '').toLocaleLowerCase()

/** How well a name fits what was typed: 0 not at all, more is better. */
export function fit(name: string, typed: string): number {
  const n = fold(name)
  const t = fold(typed.trim())
  if (t === '') return 1
  if (n === t) return 5
  if (n.startsWith(t)) return 4
  if (n.split(/[\s._-]+/).some((word) => word.startsWith(t))) return 3
  if (n.includes(t)) return 2
  let at = 0
  for (const c of t) {
    at = n.indexOf(c, at) + 1
    if (at === 0) return 0
  }
  return 1
}

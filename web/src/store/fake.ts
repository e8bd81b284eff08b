// A small model of the server for tests: the streams, and what a fetch would
// show at any moment.

import { positionOf, roomStream, serverStream, userStream } from '../protocol/position'
import { mentioning, react } from './message'
import type { Event, Member, Message, NotifyLevel, Position, Room, RoomView, SyncResult, User, UserPage } from '../protocol/types'

const limits = { message: 16384, name: 64, topic: 250, password: 256, password_min: 8, rooms_created: 500, rooms_joined: 2000, page_max: 200 }

interface Kept {
  room: Room
  members: Map<string, Member>
  messages: Message[]
  read: Map<string, number>
  levels: Map<string, NotifyLevel>
}

export class Fake {
  epoch = 'e1'
  users = new Map<string, User>()
  rooms = new Map<string, Kept>()
  streams = new Map<string, Event[]>()
  private clock = Date.parse('2026-01-02T08:00:00Z')
  private next = 1

  private at(): string {
    return new Date((this.clock += 1000)).toISOString()
  }

  private emit(stream: string, kind: Event['kind'], by: string, fields: Partial<Event>): Event {
    const log = this.streams.get(stream) ?? []
    const prev = log[log.length - 1]
    const e: Event = { stream, epoch: this.epoch, seq: log.length + 1, id: `ev${this.next++}`, prev: prev?.id, kind, at: this.at(), by, ...fields }
    this.streams.set(stream, [...log, e])
    return e
  }

  position(stream: string): Position {
    const log = this.streams.get(stream) ?? []
    const last = log[log.length - 1]
    return last ? positionOf(last) : { epoch: this.epoch, seq: 0 }
  }

  /** Events show the messages as they are now. */
  after(stream: string, p: Position): Event[] {
    const messages = this.rooms.get(stream.slice(5))?.messages
    return (this.streams.get(stream) ?? []).slice(p.seq).map((e) => (e.message && messages ? { ...e, message: messages[e.message.no - 1]! } : e))
  }

  addUser(id: string): User {
    const user: User = { id, name: id, role: 'member', created_at: this.at() }
    this.users.set(id, user)
    this.emit(serverStream, 'user.created', id, { user })
    return user
  }

  changeUser(id: string, change: Partial<User>): void {
    const user = { ...this.users.get(id)!, ...change }
    this.users.set(id, user)
    this.emit(serverStream, 'user.updated', id, { user })
  }

  createRoom(id: string, by: string, kind: Room['kind'] = 'public'): void {
    const room: Room = { id, kind, name: id, created_by: by, created_at: this.at() }
    this.rooms.set(id, { room, members: new Map(), messages: [], read: new Map(), levels: new Map() })
    this.emit(roomStream(id), 'room.created', by, { room })
    this.join(id, by, by, 'moderator')
  }

  join(id: string, user: string, by: string, role: Member['role'] = 'member'): void {
    const kept = this.rooms.get(id)!
    if (kept.members.has(user)) return
    const member: Member = { room: id, user, role, joined_at: this.at() }
    kept.members.set(user, member)
    kept.read.set(user, kept.messages.length)
    this.emit(roomStream(id), 'member.joined', by, { member })
    this.emit(userStream(user), 'room.joined', by, { view: this.view(id, user) })
  }

  leave(id: string, user: string, by: string): void {
    const kept = this.rooms.get(id)!
    const member = kept.members.get(user)
    if (!member) return
    kept.members.delete(user)
    kept.levels.delete(user)
    this.emit(roomStream(id), 'member.left', by, { member })
    this.emit(userStream(user), 'room.left', by, { left: id })
  }

  promote(id: string, user: string, role: Member['role']): void {
    const kept = this.rooms.get(id)!
    const member = { ...kept.members.get(user)!, role }
    kept.members.set(user, member)
    this.emit(roomStream(id), 'member.updated', user, { member })
  }

  /** Keeps somebody from writing until then, or lets them again. */
  mute(id: string, user: string, by: string, until?: string): void {
    const kept = this.rooms.get(id)!
    const member = { ...kept.members.get(user)!, mute: until ? { until, by } : undefined }
    kept.members.set(user, member)
    this.emit(roomStream(id), 'member.updated', by, { member })
  }

  rename(id: string, change: Partial<Room>): void {
    const kept = this.rooms.get(id)!
    kept.room = { ...kept.room, ...change }
    this.emit(roomStream(id), 'room.updated', kept.room.created_by!, { room: kept.room })
  }

  send(id: string, from: string, text: string, clientID?: string, mentions?: string[]): Message {
    const kept = this.rooms.get(id)!
    const no = kept.messages.length + 1
    const seq = (this.streams.get(roomStream(id)) ?? []).length + 1
    const message: Message = { room: id, no, id: `msg${this.next}`, seq, from, text, client_id: clientID, mentions, at: new Date(this.clock).toISOString() }
    kept.messages.push(message)
    kept.read.set(from, Math.max(kept.read.get(from) ?? 0, no))
    this.emit(roomStream(id), 'message.created', from, { message })
    return message
  }

  private put(id: string, kind: Event['kind'], by: string, message: Message): void {
    this.rooms.get(id)!.messages[message.no - 1] = message
    this.emit(roomStream(id), kind, by, { message })
  }

  edit(id: string, no: number, text: string, mentions?: string[]): void {
    const m = this.rooms.get(id)!.messages[no - 1]!
    if (!m.deleted_at) this.put(id, 'message.edited', m.from, { ...m, text, mentions, edited_at: this.at() })
  }

  remove(id: string, no: number): void {
    const m = this.rooms.get(id)!.messages[no - 1]!
    if (m.deleted_at) return
    this.put(id, 'message.deleted', m.from, { room: m.room, no, id: m.id, seq: m.seq, from: m.from, client_id: m.client_id, at: m.at, text: '', deleted_at: this.at() })
  }

  react(id: string, no: number, emoji: string, user: string, add: boolean): void {
    const messages = this.rooms.get(id)!.messages
    const m = messages[no - 1]!
    const there = m.reactions?.some((r) => r.emoji === emoji && r.users.includes(user)) ?? false
    if (m.deleted_at || there === add) return
    messages[no - 1] = { ...m, reactions: react(m.reactions, emoji, user, add) }
    this.emit(roomStream(id), add ? 'reaction.added' : 'reaction.removed', user, { reaction: { no, emoji, user } })
  }

  read(id: string, user: string, no: number): void {
    const kept = this.rooms.get(id)!
    if (no <= (kept.read.get(user) ?? 0)) return
    kept.read.set(user, no)
    this.emit(userStream(user), 'read.moved', user, { read: { room: id, no } })
  }

  level(id: string, user: string, level: NotifyLevel): void {
    this.rooms.get(id)!.levels.set(user, level)
    this.emit(userStream(user), 'notify.changed', user, { notify: { room: id, level } })
  }

  view(id: string, user: string): RoomView {
    const kept = this.rooms.get(id)!
    const member = kept.members.get(user)!
    const head = kept.messages.length
    const read = kept.read.get(user) ?? 0
    const unread = kept.messages.slice(read)
    const numbers = (list: Message[]) => (list.length > 0 ? list.map((m) => m.no) : undefined)
    const deleted = numbers(unread.filter((m) => m.deleted_at))
    return {
      ...kept.room,
      position: this.position(roomStream(id)),
      head_no: head,
      read_no: read,
      unread: head - read - (deleted?.length ?? 0),
      deleted,
      mentions: numbers(unread.filter((m) => mentioning(m, user))),
      role: member.role,
      mute: member.mute,
      notify: kept.levels.get(user) || undefined,
      joined_at: member.joined_at,
      members: kept.members.size,
      last: kept.messages[head - 1],
    }
  }

  roomsOf(user: string): string[] {
    return [...this.rooms.entries()].filter(([, k]) => k.members.has(user)).map(([id]) => id)
  }

  sync(user: string, positions: Record<string, Position> = {}): SyncResult {
    const mine = this.roomsOf(user)
    return {
      server_id: 's',
      user: this.users.get(user)!,
      session: 's1',
      user_position: this.position(userStream(user)),
      server_position: this.position(serverStream),
      rooms: mine.filter((id) => !positions[roomStream(id)]).map((id) => this.view(id, user)),
      gone: Object.keys(positions).filter((s) => s.startsWith('room:') && !mine.includes(s.slice(5))),
      limits,
      heartbeat_s: 30,
    }
  }

  people(): UserPage {
    return { users: [...this.users.values()], position: this.position(serverStream) }
  }
}

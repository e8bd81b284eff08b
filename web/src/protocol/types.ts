// The types of the protocol, as docs/protocol.md and the OpenAPI document
// describe them.

import type { Limits, Right } from './server'

export type * from './account'
export type * from './actions'
export type * from './search'
export type * from './server'

export type ServerRole = 'owner' | 'admin' | 'member' | 'guest'

export type RoomRole = 'moderator' | 'member'

export type RoomKind = 'public' | 'private' | 'direct' | 'thread'

export interface Position {
  epoch: string
  seq: number
  id?: string
}

/** What somebody says of themselves for a while; nothing once `until` is over. */
export interface UserStatus {
  emoji?: string
  text?: string
  until?: string
}

export interface User {
  id: string
  name: string
  role: ServerRole
  disabled?: boolean
  /** Without it, somebody who is disabled is so until an admin says otherwise. */
  disabled_until?: string
  bot?: boolean
  status?: UserStatus
  /** They do not want to be disturbed until then. */
  quiet_until?: string
  about?: string
  title?: string
  /** As Europe/Berlin. */
  time_zone?: string
  phone?: string
  former_name?: string
  /** They do not show what they have read. */
  hides_reads?: boolean
  /** They do not show when they are online, or were last. */
  hides_presence?: boolean
  /** Changes with each picture; none where there is no picture. */
  picture?: string
  created_at: string
}

export interface Room {
  id: string
  kind: RoomKind
  name?: string
  topic?: string
  /** Direct rooms: those in it, sorted. */
  people?: string[]
  created_by?: string
  created_at: string
  /** Threads: the room and the number of the message that they are under. */
  parent?: string
  root?: number
  /** Days; 0 as the server does, -1 for ever. */
  retain?: number
  archived?: boolean
  /** Only moderators post; everyone may reply in threads. */
  announce?: boolean
  /** Seconds between two messages of one person; 0 is off. */
  slow?: number
}

/** Somebody may not write in a room. */
export interface Mute {
  until: string
  reason?: string
  by?: string
}

/** Somebody may not come into a room. */
export interface Ban {
  room: string
  user: string
  by: string
  at: string
  /** Without it, for good. */
  until?: string
  reason?: string
}

/** What a person is told of in a room; empty is as usual: in direct rooms all, in others mentions. */
export type NotifyLevel = 'all' | 'mentions' | 'none' | ''

/** Everyone in the room, in mentions. */
export const everyone = '*'

export interface File {
  id: string
  name: string
  type: string
  size: number
  width?: number
  height?: number
  /** What a picture shows, in words. */
  alt?: string
  voice?: boolean
  /** Milliseconds, of a voice message. */
  duration?: number
}

/** What the sender says about a file. */
export type FileDetails = Pick<File, 'alt' | 'voice' | 'duration'>

/** A file of a room, with its message. */
export interface RoomFile {
  room: string
  no: number
  from: string
  at: string
  file: File
}

export type FileKind = 'picture' | 'media' | 'document'

export interface Reacted {
  emoji: string
  users: string[]
}

export interface Reaction {
  no: number
  emoji: string
  user: string
}

export interface Thread {
  room: string
  replies: number
  deleted?: number
  last_at: string
}

/** What can be shown of a link. Its texts are a stranger's. */
export interface Preview {
  url: string
  title: string
  description?: string
  site?: string
  image?: string
}

export interface Edit {
  text: string
  at: string
}

export interface Hook {
  room: string
  bot: User
  created_by: string
  created_at: string
  /** Who made it may not moderate the room any more. */
  paused?: boolean
}

/** An address that a room's events are posted to, and how far that is. */
export interface Outgoing {
  id: string
  room: string
  url: string
  /** None for all. */
  kinds?: string[]
  created_by: string
  created_at: string
  position: Position
  attempts?: number
  next_at?: string
  error?: string
  sent_at?: string
  dead?: number
  skipped_at?: string
  skipped?: number
  ended_at?: string
  /** Who made it may not moderate the room any more. */
  paused?: boolean
}

/** An event that the receiver of a webhook did not accept. */
export interface DeadLetter {
  id: string
  event: string
  kind: string
  after: Position
  error: string
  attempts: number
  at: string
}

export interface Message {
  room: string
  no: number
  id: string
  seq: number
  from: string
  text: string
  client_id?: string
  at: string
  mentions?: string[]
  files?: File[]
  edited_at?: string
  /** Only its place is left. */
  deleted_at?: string
  pinned_at?: string
  pinned_by?: string
  reactions?: Reacted[]
  thread?: Thread
}

export interface RoomView extends Room {
  position: Position
  head_no: number
  read_no: number
  trimmed?: number
  unread: number
  /** Numbers after read_no and trimmed, ascending. */
  deleted?: number[]
  mentions?: number[]
  role: RoomRole
  /** One's own. */
  mute?: Mute
  joined_at: string
  members: number
  notify?: NotifyLevel
  last?: Message
}

export interface Member {
  room: string
  user: string
  role: RoomRole
  joined_at: string
  mute?: Mute
}

export type EventKind =
  | 'room.created'
  | 'room.updated'
  | 'member.joined'
  | 'member.left'
  | 'member.updated'
  | 'message.created'
  | 'message.edited'
  | 'message.deleted'
  | 'message.pinned'
  | 'message.unpinned'
  | 'thread.moved'
  | 'reaction.added'
  | 'reaction.removed'
  | 'messages.trimmed'
  | 'room.joined'
  | 'room.left'
  | 'read.moved'
  | 'notify.changed'
  | 'session.revoked'
  | 'user.created'
  | 'user.updated'

export interface Event {
  stream: string
  epoch: string
  seq: number
  id: string
  prev?: string
  kind: EventKind | (string & {})
  at: string
  by?: string
  message?: Message
  reaction?: Reaction
  trimmed?: number
  member?: Member
  room?: Room
  view?: RoomView
  left?: string
  /** With left: why somebody else did it. */
  reason?: string
  read?: { room: string; no: number }
  notify?: { room: string; level?: NotifyLevel }
  sessions?: string[]
  user?: User
}

export interface Signal {
  stream: string
  kind: 'typing' | 'presence' | 'emoji' | 'reports' | 'server' | 'document' | 'schedule' | (string & {})
  user: string
  online?: boolean
  /**
   * With document: which one changed, and its version now; with emoji: their
   * revision.
   */
  document?: string
  version?: number
}

/** How far somebody has read a room. */
export interface ReadPosition {
  user: string
  no: number
}

export interface RightRule {
  right: Right
  /** The lowest role that may do it. */
  least: User['role']
  /** Where owners can change it: the roles to choose from. */
  choices?: User['role'][]
}

/** When somebody was last online, to the minute; no time while they are. */
export interface LastSeen {
  user: string
  online?: boolean
  at?: string
}

export interface SyncResult {
  server_id: string
  user: User
  session: string
  user_position: Position
  server_position: Position
  rooms: RoomView[]
  gone: string[]
  limits: Limits
  heartbeat_s: number
  emoji_revision?: number
}

export interface UserPage {
  users: User[]
  next?: string
  position: Position
}

export interface FoundUsers {
  users: User[]
  position: Position
}

export interface MemberPage {
  members: Member[]
  next?: string
}

export interface RoomPage {
  rooms: Room[]
  next?: string
}

export interface MessagePage {
  messages: Message[]
  more_older: boolean
  more_newer: boolean
}

export interface RoomChange {
  name?: string
  topic?: string
  retain?: number
  archived?: boolean
  announce?: boolean
  slow?: number
}

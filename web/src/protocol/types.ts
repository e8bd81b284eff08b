// The types of the protocol, as docs/protocol.md and the OpenAPI document
// describe them.

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

export interface Session {
  id: string
  name?: string
  scopes?: string[]
  agent?: string
  addr?: string
  created_at: string
  seen_at: string
  expires_at: string
  current?: boolean
}

/** A session that has just begun. */
export interface LoggedIn {
  user: User
  session: Session
}

/** What an authenticator is to do, once. */
export interface Challenge {
  challenge: string
  options: Record<string, unknown>
}

/** What an authenticator has signed. */
export interface PasskeyAnswer {
  challenge: string
  credential: Record<string, unknown>
}

/** A key that logs in without a password. */
export interface Passkey {
  id: string
  name: string
  created_at: string
  used_at?: string
  synced?: boolean
}

/** The state of a second factor. */
export interface Factor {
  /** There is an authenticator app. */
  enabled: boolean
  passkeys?: number
  created_at?: string
  /** How many recovery codes are left. */
  recovery?: number
  /** One's role needs one. */
  demanded?: boolean
}

/** A second factor that waits for its first code. */
export interface NewFactor {
  secret: string
  uri: string
}

/** What a device was told of a message. */
export interface PushDelivered {
  device: PushDevice
  state: 'sent' | 'waiting' | 'dropped' | 'failed' | 'none'
  reason?: string
  at?: string
  failure?: string
}

/** Why one was notified of a message, or was not. */
export interface PushDecision {
  reason: string
  devices: PushDelivered[]
}

/** New recovery codes, and the session that takes the place of one that could only set up a second factor. */
export interface Recovery {
  recovery: string[]
  logged_in?: LoggedIn
}

/** Who needs a second factor; empty for nobody. */
export type FactorDemand = '' | 'admins' | 'members' | 'everyone'

/** A browser that is notified while no page is open. */
export interface PushDevice {
  id: string
  agent?: string
  service: string
  created_at: string
  sent_at?: string
  error?: string
  current?: boolean
}

/** One's mail address, which no one else sees, and what it is for. */
export interface Mail {
  /** Whether this server sends mail. */
  enabled: boolean
  /** The confirmed address. */
  address?: string
  /** The address that the last mail with a link went to, until it is confirmed. */
  pending?: string
  /** Whether mentions and direct messages are mailed that stay unread for so many minutes. */
  notify: boolean
  minutes: number
  sent_at?: string
  /** Why the last attempt to send a mail failed. */
  error?: string
}

export interface Invite {
  id: string
  role: ServerRole
  created_by?: string
  created_at: string
  expires_at: string
  /** Of a link for several people, or into rooms. */
  uses?: number
  used?: number
  rooms?: string[]
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

/** A message that somebody has asked to be looked at. */
export interface Report {
  id: string
  /** As it was then; of one that is closed, only where it is and whose. */
  message: Message
  by?: string
  at: string
  reason?: string
  outcome?: 'acted' | 'dismissed'
  note?: string
  closed_at?: string
}

export interface Reports {
  /** Those that one may close. */
  open: Report[]
  /** One's own that were closed. */
  closed: Report[]
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

/** A message that is sent later; with no, a reminder of a message. */
export interface Scheduled {
  id: string
  room: string
  at: string
  text?: string
  thread?: number
  no?: number
  created_at: string
  /** The reminder's time has come. */
  due?: boolean
  /** Why the message was not sent. */
  error?: string
}

/** A small object that one person's clients share. */
export interface Document {
  name: string
  version: number
  value: Record<string, unknown>
}

export interface Limits {
  message: number
  name: number
  topic: number
  password: number
  password_min: number
  rooms_created: number
  rooms_joined: number
  page_max: number
  /** Bytes of a file; 0 where files are not taken. */
  file?: number
}

/** What an invite says before one signs up with it. */
export interface ShownInvite {
  role: ServerRole
  by?: string
  rooms: string[]
  expires_at: string
}

/** How far somebody has read a room. */
export interface ReadPosition {
  user: string
  no: number
}

/** Where people log in instead of with a password. */
export interface Provider {
  id: string
  name: string
}

/** What a role on the server may do or not. */
export type Right =
  | 'tokens' | 'browse' | 'join' | 'pin' | 'direct' | 'create_rooms' | 'mention_room' | 'invite' | 'emoji' | 'moderate' | 'retain' | 'people' | 'bots' | 'audit' | 'server'

export interface RightRule {
  right: Right
  /** The lowest role that may do it. */
  least: User['role']
  /** Where owners can change it: the roles to choose from. */
  choices?: User['role'][]
}

export interface ServerInfo {
  /** Of the server's data. */
  id: string
  /** People see who has read a message. */
  read_receipts?: boolean
  /** What each role may do. */
  rights?: RightRule[]
  name: string
  version: string
  sign_up: 'open' | 'invite' | 'closed'
  needs_setup: boolean
  /** Another program logs people in, at these pages. */
  external?: boolean
  log_in?: string
  log_out?: string
  providers?: Provider[]
  /** People log in at providers only. */
  no_passwords?: boolean
  second_factor?: FactorDemand
  /** The only address at which passkeys work. */
  passkeys?: string
  /** It sends mail. */
  mail?: boolean
  limits: Limits
  previews?: boolean
  /** What does not work although messages can be read, by the part of the server: why. */
  degraded?: Record<string, string>
}

/** An emoji that somebody added to the server: it is written as :name:. */
export interface CustomEmoji {
  name: string
  alias?: string
  picture: string
  by: string
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

export type SearchOrder = 'newest' | 'relevance'

/** Why a message was found: a part of it as plain text. */
export interface Excerpt {
  parts: { text: string; marked?: boolean }[]
  /** The file whose name or description it is. */
  file?: string
}

/** Where the newest matches of a search are, those with most first. */
export interface SearchCounts {
  total: number
  more?: boolean
  rooms: { room: string; count: number }[]
  people: { user: string; count: number }[]
}

export interface SearchResult {
  messages: Message[]
  /** One for each message. */
  excerpts: Excerpt[]
  next?: string
  until?: string
  /** Nothing was found for what was asked; these are for this text. */
  corrected?: string
  counts?: SearchCounts
  building?: boolean
  /** How far the index is built, in percent. */
  built?: number
}

/** Something that an admin, a moderator or the operator did. */
export interface AuditEntry {
  id: string
  at: string
  /** Nobody: the operator, at the command line. */
  by?: string
  action: string
  user?: string
  room?: string
  detail?: string
  reason?: string
}

export interface AuditPage {
  entries: AuditEntry[]
  next?: string
}

export interface Me {
  user: User
  session: Session
}

export interface RoomChange {
  name?: string
  topic?: string
  retain?: number
  archived?: boolean
  announce?: boolean
  slow?: number
}

/** What each action takes and gives. */
export interface Actions {
  'session.delete': [Record<string, never>, Record<string, never>]
  'session.list': [Record<string, never>, { sessions: Session[] }]
  'session.revoke': [{ session: string }, Record<string, never>]
  'document.list': [Record<string, never>, { documents: Document[] }]
  'document.put': [{ name: string; was: number; value: Record<string, unknown> }, Document]
  'push.get': [Record<string, never>, { key?: string; content: boolean; devices: PushDevice[] }]
  'push.subscribe': [{ endpoint: string; p256dh: string; auth: string }, PushDevice]
  'push.unsubscribe': [{ device: string }, Record<string, never>]
  'push.why': [{ room: string; no: number }, PushDecision]
  'push.test': [{ device: string }, Record<string, never>]
  'mail.get': [Record<string, never>, Mail]
  'mail.set': [{ address: string; password: string }, Mail]
  'mail.update': [{ notify: boolean }, Mail]
  'schedule.create': [{ room: string; at: string; text?: string; thread?: number; no?: number }, Scheduled]
  'report.create': [{ room: string; no: number; reason?: string }, Report]
  'report.list': [Record<string, never>, Reports]
  'report.close': [{ report: string; outcome: 'acted' | 'dismissed'; note?: string }, Report]
  'schedule.list': [Record<string, never>, { scheduled: Scheduled[] }]
  'schedule.update': [{ id: string; at?: string; text?: string }, Scheduled]
  'schedule.delete': [{ id: string }, Record<string, never>]
  'emoji.list': [Record<string, never>, { revision: number; emoji: CustomEmoji[] }]
  'emoji.delete': [{ name: string }, Record<string, never>]
  'user.list': [{ after?: string; limit?: number }, UserPage]
  'user.find': [{ query: string; limit?: number } | { users: string[] }, FoundUsers]
  'user.get': [{ user: string }, User]
  'account.update': [{ status?: UserStatus; quiet_until?: string; about?: string; title?: string; time_zone?: string; phone?: string; name?: string; hides_reads?: boolean; hides_presence?: boolean }, User]
  'user.update': [{ user: string; name?: string; role?: ServerRole; disabled?: boolean; reason?: string; seconds?: number }, User]
  'audit.list': [{ after?: string; limit?: number; room?: string }, AuditPage]
  'server.update': [{ name?: string; rights?: Partial<Record<Right, User['role']>>; read_receipts?: boolean; second_factor?: FactorDemand }, ServerInfo]
  'invite.create': [{ role?: ServerRole; hours?: number; uses?: number; rooms?: string[] }, { invite: Invite; code: string }]
  'invite.list': [Record<string, never>, { invites: Invite[] }]
  'invite.delete': [{ invite: string }, Record<string, never>]
  'room.directory': [{ after?: string; limit?: number }, RoomPage]
  'room.create': [{ name: string; topic?: string; kind?: RoomKind; users?: string[] }, RoomView]
  'direct.open': [{ user: string } | { users: string[] }, RoomView]
  'room.get': [{ room: string }, RoomView]
  'room.update': [{ room: string } & RoomChange, RoomView]
  'room.notify': [{ room: string; level: NotifyLevel }, unknown]
  'room.join': [{ room: string }, RoomView]
  'room.leave': [{ room: string }, Record<string, never>]
  'member.list': [{ room: string; after?: string; limit?: number }, MemberPage]
  'member.add': [{ room: string; user: string }, Member]
  'member.update': [{ room: string; user: string; role: RoomRole }, Member]
  'member.remove': [{ room: string; user: string; reason?: string }, Record<string, never>]
  'member.mute': [{ room: string; user: string; seconds: number; reason?: string }, Member]
  'member.unmute': [{ room: string; user: string }, Member]
  'member.ban': [{ room: string; user: string; seconds?: number; reason?: string }, Ban]
  'ban.list': [{ room: string }, { bans: Ban[] }]
  'ban.lift': [{ room: string; user: string }, Record<string, never>]
  'message.send': [{ room: string; text?: string; files?: string[]; file_details?: Record<string, FileDetails>; thread?: number; client_id: string }, Message]
  'message.get': [{ room: string; no: number }, Message]
  'message.edit': [{ room: string; no: number; text: string }, Message]
  'message.delete': [{ room: string; no: number }, Message]
  'message.edits': [{ room: string; no: number; after?: string }, { edits: Edit[]; more?: boolean }]
  'message.pin': [{ room: string; no: number }, Message]
  'message.unpin': [{ room: string; no: number }, Message]
  'message.pins': [{ room: string; after?: number }, { messages: Message[]; more?: boolean }]
  'message.search': [
    { q?: string; room?: string; from?: string; mentions?: string; after?: string; before?: string; has?: 'link' | 'file' | 'reaction'; is?: 'pinned' | 'thread'; order?: SearchOrder; counts?: boolean; cursor?: string; limit?: number },
    SearchResult,
  ]
  'file.list': [{ room: string; kind?: FileKind; cursor?: string; limit?: number }, { files: RoomFile[]; next?: string }]
  'reaction.add': [{ room: string; no: number; emoji: string }, Message]
  'reaction.remove': [{ room: string; no: number; emoji: string }, Message]
  'link.previews': [{ room: string; no: number }, { previews: Preview[] }]
  'thread.follow': [{ room: string; no: number }, RoomView]
  'session.prove': [{ password?: string; code?: string; passkey?: PasskeyAnswer }, Record<string, never>]
  'password.link': [{ user: string }, { code: string; expires: string }]
  'passkey.ask': [Record<string, never>, Challenge]
  'passkey.list': [Record<string, never>, { passkeys: Passkey[] }]
  'passkey.begin': [Record<string, never>, Challenge]
  'passkey.finish': [{ name: string; passkey: PasskeyAnswer }, Recovery]
  'passkey.rename': [{ passkey: string; name: string }, Record<string, never>]
  'passkey.delete': [{ passkey: string }, Record<string, never>]
  'factor.get': [Record<string, never>, Factor]
  'factor.begin': [Record<string, never>, NewFactor]
  'factor.confirm': [{ code: string }, Recovery]
  'factor.recovery': [Record<string, never>, Recovery]
  'factor.delete': [Record<string, never>, Record<string, never>]
  'factor.reset': [{ user: string }, Record<string, never>]
  'token.create': [{ name: string; scopes: string[]; days?: number; user?: string }, { session: Session; token: string }]
  'token.list': [{ user?: string }, { sessions: Session[] }]
  'token.revoke': [{ token: string; user?: string }, Record<string, never>]
  'bot.create': [{ name: string; role?: ServerRole }, User]
  'hook.create': [{ room: string; name: string }, { hook: Hook; path: string }]
  'hook.list': [{ room: string }, { hooks: Hook[] }]
  'hook.delete': [{ room: string; bot: string }, Record<string, never>]
  'hook.adopt': [{ room: string; bot: string }, Record<string, never>]
  'outgoing.create': [{ room: string; url: string; kinds?: string[] }, { webhook: Outgoing; secret: string }]
  'outgoing.list': [{ room: string }, { webhooks: Outgoing[] }]
  'outgoing.delete': [{ room: string; webhook: string }, Record<string, never>]
  'outgoing.adopt': [{ room: string; webhook: string }, Record<string, never>]
  'outgoing.dead': [{ room: string; webhook: string }, { dead: DeadLetter[] }]
  'outgoing.retry': [{ room: string; webhook: string; dead?: string }, Record<string, never>]
  'message.list': [{ room: string; before?: number; after?: number; around?: number; limit?: number }, MessagePage]
  'read.list': [{ room: string }, { reads: ReadPosition[] }]
  'read.mark': [{ room: string; no: number }, { room: string; no: number; unread: number }]
  'presence.seen': [{ users: string[] }, { seen: LastSeen[] }]
  'presence.watch': [{ users: string[] }, { online: string[] }]
  'typing.send': [{ room: string }, Record<string, never>]
  ping: [Record<string, never>, Record<string, never>]
  sync: [{ device?: string; positions?: Record<string, Position> }, SyncResult]
}

export type ActionName = keyof Actions

// The server: what it is, who comes in, and what its admins see.

import type { Message, RightRule, ServerRole } from './types'

/** Who needs a second factor; empty for nobody. */
export type FactorDemand = '' | 'admins' | 'members' | 'everyone'

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

/** Where people log in instead of with a password. */
export interface Provider {
  id: string
  name: string
}

/** What a role on the server may do or not. */
export type Right =
  | 'tokens' | 'browse' | 'join' | 'pin' | 'direct' | 'create_rooms' | 'mention_room' | 'invite' | 'emoji' | 'moderate' | 'retain' | 'people' | 'bots' | 'audit' | 'server'

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

/** How the server is doing; the figures are those of the node that answers. */
export interface ServerStatus {
  version: string
  degraded?: Record<string, string>
  backup?: { at?: string; name?: string; failed_at?: string; error?: string }
  store: string
  /** Other nodes may serve the same data. */
  shared: boolean
  started_at: string
  connections: number
  followers: { name: string; running: boolean; behind: number; failing: number; lag_seconds: number }[]
  findings: { level: 'ok' | 'note' | 'warning' | 'refusal'; where?: string; about: string; is: string; risk?: string; mend?: string }[]
}

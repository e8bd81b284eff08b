// A person’s own things: log-ins, second factors, devices, mail, what they keep.

import type { User } from './types'

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

export interface Me {
  user: User
  session: Session
}

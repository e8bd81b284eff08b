import { create } from 'zustand'
import type { Item } from '../outbox/outbox'
import type { Status } from '../protocol/socket'
import type { ServerInfo } from '../protocol/types'
import type { State } from './state'

export type Screen = 'loading' | 'unreachable' | 'signed-out' | 'enrol' | 'chat'

/** The pages for admins. */
export const adminPages = ['people', 'rooms', 'invites', 'emoji', 'roles', 'audit', 'status', 'server'] as const
/** The pages of one's own settings. */
export const settingsPages = ['appearance', 'notifications', 'account', 'language'] as const
export type AdminPage = (typeof adminPages)[number]
export type SettingsPage = (typeof settingsPages)[number]
/** What is shown over the whole window, by its address after #/. */
export type Page = `admin/${AdminPage}` | `settings/${SettingsPage}` | 'people' | 'catch-up' | 'reports'
export const pages: readonly Page[] = ['people', 'catch-up', 'reports', ...adminPages.map((p) => `admin/${p}` as const), ...settingsPages.map((p) => `settings/${p}` as const)]

export interface App {
  screen: Screen
  info: ServerInfo | null
  /** Why one is at the log-in page. */
  reason: string | null
  status: Status
  /** Null until the first sync. */
  chat: State | null
  outbox: readonly Item[]
  /** What is being written, by room. */
  drafts: Record<string, string>
  /** The room that is open. */
  room: string | null
  /** The open room, if it had something unread when it was opened: in the list it stays where it was. */
  held: string | null
  /** The page that is open, over the room. */
  page: Page | null
  /** What could not be loaded, by room. */
  faults: Record<string, string>
  /** By how many ms the clock of this device is before the server's, as far as one's own messages told. */
  ahead: number
  /** The room that somebody has taken this person out of, and what there is to say of it. */
  parted: { room: string; text: string } | null
  /** The server has a newer client than this page. */
  newer: boolean
}

export const useApp = create<App>()(() => ({
  screen: 'loading',
  info: null,
  reason: null,
  status: { kind: 'connecting' },
  chat: null,
  outbox: [],
  drafts: {},
  room: null,
  held: null,
  page: null,
  faults: {},
  ahead: 0,
  parted: null,
  newer: false,
}))

/** Selects from the chat's state; only to be used where the chat is shown. */
export function useChat<T>(select: (s: State) => T): T {
  return useApp((a) => select(a.chat!))
}

export { toast } from './toasts'

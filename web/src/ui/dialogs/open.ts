import { create } from 'zustand'
import type { File, Message, User } from '../../protocol/types'
import type { Pictures } from '../../store/pictures'

/** Which dialog is open, if any. */
export type Open =
  | { kind: 'switcher' }
  | { kind: 'create-room' }
  | { kind: 'browse' }
  | { kind: 'invite' }
  | { kind: 'later'; tab?: 'saved' | 'reminders' | 'scheduled' }
  | { kind: 'forward'; message: Message }
  | { kind: 'remind'; room: string; no: number }
  | { kind: 'send-later'; room: string; text: string; id?: string; at?: string; done?: () => void }
  | { kind: 'section'; id?: string; name?: string; room?: string }
  | { kind: 'people' }
  | { kind: 'settings'; room: string; tab?: 'about' | 'people' | 'banned' | 'integrations' }
  | { kind: 'moderate'; act: 'mute' | 'remove' | 'ban'; room: string; user: string }
  | { kind: 'tokens'; bot?: User }
  | { kind: 'create-bot' }
  | { kind: 'profile'; user: string }
  | { kind: 'edit-profile' }
  | { kind: 'status' }
  | { kind: 'quiet' }
  | { kind: 'level'; room: string }
  | { kind: 'disable'; user: User }
  | { kind: 'rename'; user: User }
  | { kind: 'reset-link'; user: User }
  | { kind: 'prove' }
  | { kind: 'keys' }
  | { kind: 'unsent' }
  | { kind: 'picture'; room: string; no: number; file: File; among?: Pictures }
  | { kind: 'read-by'; message: Message }
  | { kind: 'why'; message: Message }
  | { kind: 'report'; message: Message }
  | { kind: 'edits'; room: string; no: number }
  | { kind: 'pins'; room: string }
  | { kind: 'jump'; room: string; at?: string }
  | { kind: 'confirm'; title: string; text: string; action: string; danger?: boolean; run: () => Promise<void> }

/** The dialog that is open, and one over it that asks something of it. */
export const useOpen = create<{ open: Open | null; over: Open | null }>()(() => ({ open: null, over: null }))

export const openDialog = (open: Open) => useOpen.setState({ open, over: null })
/** Opens a dialog over the one that is open, if any: that is there again when it is closed. */
export const openOver = (over: Open) => useOpen.setState(({ open }) => (open ? { over } : { open: over }))
export const closeDialog = () => useOpen.setState(({ over }) => (over ? { over: null } : { open: null }))

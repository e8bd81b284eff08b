import { create } from 'zustand'
import type { File, User } from '../../protocol/types'

/** Which dialog is open, if any. */
export type Open =
  | { kind: 'switcher' }
  | { kind: 'create-room' }
  | { kind: 'browse' }
  | { kind: 'people' }
  | { kind: 'settings'; room: string }
  | { kind: 'add-people'; room: string }
  | { kind: 'sessions' }
  | { kind: 'tokens'; bot?: User }
  | { kind: 'create-bot' }
  | { kind: 'profile'; user: string }
  | { kind: 'edit-profile' }
  | { kind: 'status' }
  | { kind: 'quiet' }
  | { kind: 'level'; room: string }
  | { kind: 'disable'; user: User }
  | { kind: 'webhooks'; room: string }
  | { kind: 'password' }
  | { kind: 'preferences' }
  | { kind: 'keys' }
  | { kind: 'unsent' }
  | { kind: 'picture'; room: string; no: number; file: File }
  | { kind: 'edits'; room: string; no: number }
  | { kind: 'pins'; room: string }
  | { kind: 'jump'; room: string; at?: string }
  | { kind: 'confirm'; title: string; text: string; action: string; danger?: boolean; run: () => Promise<void> }

export const useOpen = create<{ open: Open | null }>()(() => ({ open: null }))

export const openDialog = (open: Open) => useOpen.setState({ open })
export const closeDialog = () => useOpen.setState({ open: null })

// The chat, which the log-in page does without.

import type { ComponentType } from 'react'

let loading: Promise<ComponentType> | null = null

/** Loads the chat, once. Fails where the server cannot be reached; the next call tries again. */
export function loadChat(): Promise<ComponentType> {
  loading ??= import('./Shell').then((m) => m.Shell)
  loading.catch(() => (loading = null))
  return loading
}

/** Whether somebody was in the chat here before: then it is loaded while we find out who they are. */
export function wasHere(): boolean {
  try {
    return localStorage.getItem('parley:device') !== null
  } catch {
    return false
  }
}

// Whether to ask a person if this browser may notify them: once, and not before
// there was something to notify them of.

import { create } from 'zustand'
import { kept } from '../protocol/base'
import { permission } from './notify'

const key = kept('parley:asked-to-notify')

export const useAsk = create<{ wanted: boolean }>()(() => ({ wanted: false }))

/** Asks, unless the person has been asked in this browser, or has decided. */
export function ask(): void {
  try {
    if (permission() === 'off' && Notification.permission === 'default' && localStorage.getItem(key) === null) useAsk.setState({ wanted: true })
  } catch {
    // Nothing is kept here: it would be asked for ever.
  }
}

/** They have answered, one way or the other. */
export function asked(): void {
  localStorage.setItem(key, 'yes')
  useAsk.setState({ wanted: false })
}

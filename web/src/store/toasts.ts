// Short messages at the foot of the page, some of which offer to take back what
// was done.

import { create } from 'zustand'

export interface Toast {
  id: number
  text: string
  /** Takes back what the toast tells of. */
  undo?: () => void
  /** Runs when it can no longer be taken back. */
  gone?: () => void
}

const most = 3
let next = 1

export const useToasts = create<{ list: Toast[]; dialogs: number }>()(() => ({ list: [], dialogs: 0 }))

const take = (id: number): Toast | undefined => {
  const { list } = useToasts.getState()
  const found = list.find((x) => x.id === id)
  if (found) useToasts.setState({ list: list.filter((x) => x !== found) })
  return found
}

/** Shows a short message for a few seconds; of too many the oldest goes. */
export function toast(text: string, { undo, gone }: Pick<Toast, 'undo' | 'gone'> = {}): number {
  const id = next++
  const { list } = useToasts.getState()
  useToasts.setState({ list: [...list, { id, text, undo, gone }] })
  if (list.length >= most) dismiss(list[0]!.id)
  return id
}

/** Takes a message away, its time being over. */
export const dismiss = (id: number): void => take(id)?.gone?.()

/** Takes back what a message tells of. */
export const undo = (id: number): void => take(id)?.undo?.()

/** Takes a message away, and nothing else. */
export const withdraw = (id: number): void => void take(id)

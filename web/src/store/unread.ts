// What a person has marked as unread, beside what they have not read: the
// number of the first such message by room. It is one of their documents.

import { t } from '../i18n'
import type { RoomView } from '../protocol/types'
import { changeDocument, markRead } from './actions'
import { type Unread, markedAt } from './select'
import { useApp } from './store'
import { toast } from './toasts'

function setMarks(to: (was: Record<string, number>) => Record<string, number>): void {
  changeDocument('unread', (v) => ({ ...v, rooms: to((v as Partial<Unread>).rooms ?? {}) }))
}

/** Has a room shown as unread from a message on. */
export const markUnread = (room: string, no: number) => setMarks((was) => ({ ...was, [room]: no }))

export function forgetMark(room: string): void {
  if (markedAt(room) !== undefined) setMarks(({ [room]: _, ...others }) => others)
}

export function markRoomRead(room: string): void {
  markRead(room)
  forgetMark(room)
}

const isUnread = (r: RoomView) => r.unread > 0 || markedAt(r.id) !== undefined

/** Marks many rooms as read, and offers to take that back, with what else was done. */
export function markAllRead(rooms: RoomView[], undo?: () => void): void {
  const were = rooms.filter(isUnread)
  if (were.length === 0) return void (undo && toast(t('catchUp.doneNow'), { undo }))
  const before = Object.fromEntries(were.map((r) => [r.id, markedAt(r.id) ?? Math.max(r.read_no, r.trimmed ?? 0) + 1]))
  const ids = Object.keys(before)
  for (const id of ids) markRead(id)
  setMarks((was) => Object.fromEntries(Object.entries(was).filter(([id]) => !ids.includes(id))))
  toast(t('undo.allRead', { count: ids.length }), { undo: () => (setMarks((was) => ({ ...was, ...before })), undo?.()) })
}

export const markEverythingRead = () => markAllRead(Object.values(useApp.getState().chat?.rooms ?? {}))

// Going to a day in a room.

import { t } from '../i18n'
import { call } from './actions'
import { firstSince } from './dates'
import { goTo } from './marks'
import { toast, useApp } from './store'

const sameDay = (a: Date, b: Date) => a.toDateString() === b.toDateString()

/** Finds where a day begins in a room. What it returns goes there, and says so if nothing was written on that day. */
export async function jumpTo(room: string, day: Date): Promise<() => void> {
  const view = useApp.getState().chat?.rooms[room]
  if (!view) return () => {}
  const after = async (no: number, limit: number) => (await call('message.list', { room, after: no, limit })).messages
  const first = (view.trimmed ?? 0) + 1
  const found = (await firstSince(after, first, view.head_no, new Date(day).setHours(0, 0, 0, 0))) ?? (view.head_no >= first ? view.last : undefined)
  return () => {
    if (!found) return toast(t('jump.empty'))
    if (!sameDay(new Date(found.at), day)) toast(t(new Date(found.at) < day ? 'jump.noneSince' : 'jump.next'))
    goTo({ room, no: found.no }, true)
  }
}

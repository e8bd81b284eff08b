import { t } from '../i18n'
import type { Event } from '../protocol/types'
import { nameOf, titleOf } from './select'
import type { State } from './state'

/** What to tell somebody whom another person takes out of a room with this event; of the state before it. */
export function partedBy(s: State | null, e: Event): { room: string; text: string } | null {
  const room = e.kind === 'room.left' && e.left ? s?.rooms[e.left] : undefined
  if (!s || !room || room.kind === 'thread' || !e.by || e.by === s.me.id) return null
  const text = t('parted.removed', { name: nameOf(s, e.by), room: titleOf(s, room) })
  return { room: room.id, text: e.reason ? `${text} ${t('barred.reason', { reason: e.reason })}` : text }
}

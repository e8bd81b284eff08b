// What a person keeps for later: saved messages, which are one of their
// documents, and reminders and scheduled messages, which the server keeps.

import { create } from 'zustand'
import { t } from '../i18n'
import { explain } from '../protocol/error'
import type { Scheduled } from '../protocol/types'
import { call, changeDocument } from './actions'
import { documentOf, useDocument } from './documents'
import type { Place } from './marks'
import { titleOf } from './select'
import { useApp } from './store'
import { toast } from './toasts'

/** The document "saved", the latest first. */
interface Saved {
  items: (Place & { at: string })[]
}

const mostSaved = 500

const none: Saved['items'] = []
export const useSaved = () => useDocument<Saved>('saved').items ?? none
const same = (a: Place, b: Place) => a.room === b.room && a.no === b.no
export const isSaved = (m: Place): boolean => documentOf<Saved>('saved').items?.some((x) => same(x, m)) ?? false

export function toggleSaved(m: Place): void {
  const saved = isSaved(m)
  changeDocument('saved', (v) => {
    const others = ((v as Partial<Saved>).items ?? []).filter((x) => !same(x, m))
    return { ...v, items: saved ? others : [{ room: m.room, no: m.no, at: new Date().toISOString() }, ...others].slice(0, mostSaved) }
  })
  toast(t(saved ? 'later.unsaved' : 'later.savedNow'))
}

/** What is scheduled, as the server last said; null until it did. */
export const useLater = create<{ scheduled: Scheduled[] | null }>()(() => ({ scheduled: null }))

/** What wants to be looked at: reminders that are due, and messages that could not be sent. */
export const wanting = (all: Scheduled[] | null): Scheduled[] => (all ?? []).filter((x) => x.due || x.error)

/** Asks what is scheduled: after each sync, and when the server says that it has changed. */
export async function fetchLater(): Promise<void> {
  const before = useLater.getState().scheduled
  const { scheduled } = await call('schedule.list', {})
  useLater.setState({ scheduled: scheduled ?? [] })
  const known = new Set(wanting(before).map((x) => x.id))
  const { chat } = useApp.getState()
  for (const x of wanting(scheduled)) {
    const room = chat?.rooms[x.room]
    const name = room && chat ? titleOf(chat, room) : ''
    if (before && !known.has(x.id)) toast(x.due ? t('later.due', { room: name }) : t('later.failed', { room: name, reason: x.error! }))
  }
}

export const forgetLater = () => useLater.setState({ scheduled: null })

export async function sendLater(room: string, text: string, at: Date): Promise<void> {
  await call('schedule.create', { room, text, at: at.toISOString() })
}

export async function remind(m: Place, at: Date, note: string): Promise<void> {
  await call('schedule.create', { room: m.room, no: m.no, at: at.toISOString(), ...(note ? { text: note } : {}) })
}

export const reschedule = (id: string, to: { at?: string; text?: string }) => call('schedule.update', { id, ...to })

/** Takes a reminder or a scheduled message away. */
export const unschedule = (id: string): Promise<unknown> => call('schedule.delete', { id }).catch((err: unknown) => toast(explain(err)))

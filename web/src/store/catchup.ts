// What a person has to catch up on: mentions of them, threads that they follow,
// reactions to what they wrote, saved messages and drafts. What they are done
// with is one of their documents.

import { create } from 'zustand'
import { t } from '../i18n'
import { explain } from '../protocol/error'
import type { Message, RoomView } from '../protocol/types'
import { call, changeDocument, follow } from './actions'
import { documentOf } from './documents'
import type { Done } from './done'
import { changed, changeMessage, mentioning } from './message'
import { unfollow, type Place } from './marks'
import { roomOf } from '../protocol/position'
import { setLevel } from './people'
import { levelOf, shownUnread, threads, titleOf } from './select'
import type { State } from './state'
import { useApp } from './store'
import { toast } from './toasts'
import { markAllRead } from './unread'

interface Found {
  messages: Message[]
  next?: string
}

type Searched = 'mentions' | 'reactions'

const days = 30 // so far back it goes
const pageSize = 30
const mostDone = 500

export const reactionKey = (m: Place): string => `r:${m.room}/${m.no}`

/** What others reacted to a message with. */
export const reactionsTo = (m: Message): number => (m.reactions ?? []).reduce((sum, r) => sum + r.users.filter((u) => u !== m.from).length, 0)

/** What was found, null until it is; and which item one was at. */
export const useCatchUp = create<{ found: Record<Searched, Found> | null; fault: string; busy: boolean; at: string | null }>()(() => ({
  found: null, fault: '', busy: false, at: null,
}))

useApp.subscribe((now, before) => {
  if (now.chat === null && before.chat !== null) useCatchUp.setState({ found: null, fault: '', at: null })
})

const search = (kind: Searched, cursor?: string) => {
  const me = useApp.getState().chat!.me.id
  const after = new Date(Date.now() - days * 86_400_000).toISOString()
  return call('message.search', { ...(kind === 'mentions' ? { mentions: me } : { from: me, has: 'reaction' }), after, limit: pageSize, ...(cursor ? { cursor } : {}) })
}

async function telling(run: () => Promise<void>): Promise<void> {
  useCatchUp.setState({ busy: true, fault: '' })
  try {
    await run()
  } catch (err) {
    useCatchUp.setState({ fault: explain(err) })
  } finally {
    useCatchUp.setState({ busy: false })
  }
}

/** Asks for the latest mentions and reactions. */
export const fetchCatchUp = () =>
  telling(async () => {
    const [mentions, reactions] = await Promise.all([search('mentions'), search('reactions')])
    useCatchUp.setState({ found: { mentions, reactions } })
  })

/** Asks for older ones. */
export const fetchOlder = (kind: Searched) =>
  telling(async () => {
    const older = await search(kind, useCatchUp.getState().found![kind].next)
    useCatchUp.setState(({ found }) => (found ? { found: { ...found, [kind]: { ...older, messages: [...found[kind].messages, ...older.messages] } } } : {}))
  })

/** Keeps what was found as events change it, until the function that it returns is called. */
export function keepCatchUp(): () => void {
  return follow((e) => {
    const { chat } = useApp.getState()
    const { found } = useCatchUp.getState()
    const room = roomOf(e.stream)
    if (!chat || !found || room === null) return
    const new_ = e.kind === 'message.created' ? e.message! : undefined
    if (new_ && mentioning(new_, chat.me.id)) {
      useCatchUp.setState({ found: { ...found, mentions: { ...found.mentions, messages: [new_, ...found.mentions.messages] } } })
      return
    }
    const no = changed(e)
    if (no === null) return
    const change = (list: Message[]) => list.map((m) => (m.room === room ? changeMessage(m, e) : m))
    const mentions = change(found.mentions.messages).filter((m) => !m.deleted_at)
    let reactions = change(found.reactions.messages).filter((m) => !m.deleted_at && reactionsTo(m) > 0)
    const mine = chat.timelines[room]?.messages.find((m) => m.no === no && m.from === chat.me.id)
    if (e.kind === 'reaction.added' && mine && !reactions.some((m) => m.room === room && m.no === no)) {
      const now = changeMessage(mine, e)
      if (reactionsTo(now) > 0) reactions = [now, ...reactions]
    }
    useCatchUp.setState({ found: { mentions: { ...found.mentions, messages: mentions }, reactions: { ...found.reactions, messages: reactions } } })
  })
}

/** Whether a person is done with a message that was found. */
export function isDone(done: Partial<Done>, key: string, count: number, at: string): boolean {
  const seen = done.done?.[key]
  return seen !== undefined ? seen >= count : done.before !== undefined && Date.parse(at) <= Date.parse(done.before)
}

const changeDone = (to: (was: Partial<Done>) => Partial<Done>) => changeDocument('catchup', (v) => to(v as Partial<Done>) as Record<string, unknown>)
const put = (was: Partial<Done>, stamps: Record<string, number>): Partial<Done> => {
  const others = Object.entries(was.done ?? {}).filter(([key]) => !(key in stamps))
  return { ...was, done: Object.fromEntries([...others, ...Object.entries(stamps)].slice(-mostDone)) }
}

/** Takes a message off the list, unless that is taken back. */
export function markDone(key: string, count: number): void {
  const before = documentOf<Done>('catchup').done?.[key]
  changeDone((was) => put(was, { [key]: count }))
  toast(t('catchUp.doneNow'), {
    undo: () => changeDone((was) => (before === undefined ? { ...was, done: Object.fromEntries(Object.entries(was.done ?? {}).filter(([k]) => k !== key)) } : put(was, { [key]: before }))),
  })
}

/** Is done with all that was found, and marks all rooms as read, unless that is taken back. */
export function markAllDone(): void {
  const { chat } = useApp.getState()
  if (!chat) return
  const { found } = useCatchUp.getState()
  const was = documentOf<Done>('catchup')
  const stamps = Object.fromEntries((found?.reactions.messages ?? []).map((m) => [reactionKey(m), reactionsTo(m)]))
  const times = [...(found?.mentions.messages ?? []), ...(found?.reactions.messages ?? [])].map((m) => Date.parse(m.at))
  const before = times.length > 0 ? new Date(Math.max(...times)).toISOString() : was.before
  changeDone((d) => ({ ...put(d, stamps), ...(before ? { before } : {}) }))
  markAllRead(Object.values(chat.rooms), () => changeDone((d) => ({ ...d, done: was.done, before: was.before })))
}

/** Has a room tell nothing any more, or a thread that one follows; and the other way about. */
export async function toggleMute(room: RoomView): Promise<void> {
  if (room.kind === 'thread') return unfollow({ room: room.parent!, no: room.root! }, room)
  const { chat } = useApp.getState()
  if (!chat) return
  const was = room.notify ?? ''
  const muted = levelOf(chat, room) === 'none'
  try {
    await setLevel(room.id, muted ? '' : 'none')
    toast(t(muted ? 'catchUp.unmuted' : 'catchUp.muted', { room: titleOf(chat, room) }), { undo: () => void setLevel(room.id, was).catch((err: unknown) => toast(explain(err))) })
  } catch (err) {
    toast(explain(err))
  }
}

/** Threads that one follows, with answers that one has not read. */
export const newAnswers = (s: Pick<State, 'rooms'>): RoomView[] => threads(s).filter((r) => shownUnread(s, r) > 0)

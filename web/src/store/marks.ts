// What one does with a message that is there: change it, react to it, answer
// it.

import { create } from 'zustand'
import { t } from '../i18n'
import { explain } from '../protocol/error'
import type { Message, RoomView } from '../protocol/types'
import type { Item } from '../outbox/outbox'
import { call, leaveRoom, opened, openRoom, takeBack, visited } from './actions'
import { mergeReactions, plainEmoji } from './message'
import { viewOf } from './room'
import { nameOf, threadUnder } from './select'
import { toast, useApp } from './store'
import { copyText } from './copy'
import { countReaction } from './recent'
import { putBack } from './uploads'

/** A message, by its place. */
export interface Place {
  room: string
  no: number
}

/** The message whose thread is open, the one whose text is being changed, the one that one points at, the one whose menu is open, and the one to be shown; whether one searches, and what for, or looks at the files of the room; and what is to be put into a text field, on lines of its own or not. */
export const useMarks = create<{ thread: Place | null; editing: Place | null; active: string | null; menu: string | null; goal: (Place & { focus?: boolean }) | null; searching: boolean; files: boolean; query: string; insert: { room: string; text: string; line?: boolean } | null }>()(() => ({
  thread: null, editing: null, active: null, menu: null, goal: null, searching: false, files: false, query: '', insert: null,
}))

/** Says which message one points at, unless a menu of another one is open. */
export function point(key: string): void {
  if (useMarks.getState().active !== key && !document.querySelector('.message-actions [aria-expanded="true"]')) useMarks.setState({ active: key })
}

const told = (run: Promise<unknown>): Promise<boolean> =>
  run.then(
    () => true,
    (err: unknown) => {
      toast(explain(err))
      return false
    },
  )

export const startEdit = (m: Place) => useMarks.setState({ editing: { room: m.room, no: m.no } })
export const stopEdit = () => useMarks.setState({ editing: null })
export const saveEdit = (m: Place, text: string) => told(call('message.edit', { room: m.room, no: m.no, text }))
/** Deletes somebody's message, for good. One's own can be taken back for a while: deletions.ts. */
export const deleteMessage = (m: Place) => call('message.delete', { room: m.room, no: m.no })
export async function pinMessage(m: Message): Promise<boolean> {
  const place = { room: m.room, no: m.no }
  const done = await told(call(m.pinned_at ? 'message.unpin' : 'message.pin', place))
  if (done && m.pinned_at) toast(t('undo.unpinned'), { undo: () => void told(call('message.pin', place)) })
  return done
}

export function toggleReaction(m: Message, emoji: string): Promise<boolean> {
  const me = useApp.getState().chat!.me.id
  const mine = mergeReactions(m.reactions ?? []).find((r) => plainEmoji(r.emoji) === plainEmoji(emoji))?.sent[me]
  if (!mine) countReaction(emoji)
  return told(call(mine ? 'reaction.remove' : 'reaction.add', { room: m.room, no: m.no, emoji: mine ?? emoji }))
}

/** Opens the thread under a message, to be read. One that is not there yet is made, and followed. */
export async function openThread(m: Place): Promise<void> {
  const { chat } = useApp.getState()
  closeThread()
  if (chat && !chat.rooms[threadUnder(chat, m.room, m.no)?.id ?? '']) {
    const read = async () => {
      const root = chat.timelines[m.room]?.messages.find((x) => x.no === m.no) ?? (await call('message.get', { room: m.room, no: m.no }))
      if (root.thread) visited(await call('room.get', { room: root.thread.room }))
      else opened(await call('thread.follow', { room: m.room, no: m.no }))
    }
    if (!(await told(read()))) return
  }
  useMarks.setState({ thread: { room: m.room, no: m.no } })
}

/** Follows a thread that one reads. */
export const followThread = (m: Place): Promise<boolean> => told(call('thread.follow', { room: m.room, no: m.no }).then(opened))

/** Stops following a thread. It can still be read. */
export async function unfollow(m: Place, thread: RoomView): Promise<void> {
  visited(thread)
  if (await told(leaveRoom(thread.id))) toast(t('undo.unfollowed'), { undo: () => void followThread(m) })
}

/** Closes the thread that is open. One in which nobody has written is not followed any longer. */
export function closeThread(): void {
  const { thread } = useMarks.getState()
  const { chat } = useApp.getState()
  useMarks.setState({ thread: null })
  const view = thread && chat && threadUnder(chat, thread.room, thread.no)
  if (view && chat.rooms[view.id] && view.head_no === 0 && !useApp.getState().drafts[view.id]) leaveRoom(view.id).catch(() => {}) // then it stays on the list, which shows only those with answers
}

/** Puts something into what is being written in a room, at the caret. */
export const writeTo = (room: string, text: string) => useMarks.setState({ insert: { room, text } })

/** Takes a message that was not sent back into the text field, with its files. */
export function editUnsent(item: Item): void {
  takeBack(item.client_id)
  if (item.files) putBack(item.room, item.files)
  writeTo(item.room, item.text)
}

/** Opens a room at one of its messages, and gives it the focus if that was asked for. A reply is shown in its thread, beside the room. */
export function goTo(m: Place, focus = false): void {
  const view = viewOf(useApp.getState().chat!, m.room)
  if (view?.kind === 'thread') return void goToReply({ room: view.parent!, no: view.root! }, m.no, focus)
  useMarks.setState({ goal: { room: m.room, no: m.no, focus } })
  openRoom(m.room)
}

/** Opens the thread under a message at one of its replies. */
export async function goToReply(root: Place, reply: number | null, focus = false): Promise<void> {
  goTo(root)
  await openThread(root)
  const { chat } = useApp.getState()
  const thread = chat && threadUnder(chat, root.room, root.no)
  if (thread && reply !== null) useMarks.setState({ goal: { room: thread.id, no: reply, focus } })
}

/** Opens a room by its id. A thread is opened beside its room, even if one does not follow it. */
export async function goToRoom(id: string, no: number | null): Promise<void> {
  const { chat } = useApp.getState()
  const view = chat && viewOf(chat, id)
  if (view?.kind !== 'thread' && (view || !id.startsWith('t-'))) return no === null ? openRoom(id) : goTo({ room: id, no })
  const thread = view ?? (await call('room.get', { room: id }).then(visited, () => null))
  if (thread?.parent && thread.root) await goToReply({ room: thread.parent, no: thread.root }, no)
  else openRoom(id) // which says that it is not there
}

/** The address of a message; of a reply, by the message that it belongs to. */
export function linkTo(m: Place): string {
  const { chat } = useApp.getState()
  const view = chat ? viewOf(chat, m.room) : undefined
  const path = view?.kind === 'thread' ? `${encodeURIComponent(view.parent!)}/${view.root}?reply=${m.no}` : `${encodeURIComponent(m.room)}/${m.no}`
  return `${location.origin}${location.pathname}#/r/${path}`
}

export async function copyLink(m: Place): Promise<void> {
  toast(t((await copyText(linkTo(m))) ? 'message.linkCopied' : 'app.copyImpossible'))
}

export async function copyMessage(m: Message): Promise<void> {
  toast(t((await copyText(m.text)) ? 'message.textCopied' : 'app.copyImpossible'))
}

/** Puts a message into the field of its room, as a quote to write under. */
export function quote(m: Message): void {
  const { chat } = useApp.getState()
  const text = m.text.split('\n').map((line) => `> ${line}`).join('\n')
  useMarks.setState({ insert: { room: m.room, text: `${chat ? `> **${nameOf(chat, m.from)}:**\n` : ''}${text}\n\n`, line: true } })
}

/** The newest message of one's own in a room that can be edited. */
export function lastOwn(room: string): Message | undefined {
  const { chat } = useApp.getState()
  return chat?.timelines[room]?.messages.findLast((m) => m.from === chat.me.id && !m.deleted_at)
}

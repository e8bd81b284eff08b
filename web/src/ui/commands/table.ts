// What can be done by writing /name. A further command is one more entry here,
// and its texts.

import { type Key, t } from '../../i18n'
import { findCalls } from '../../markdown/calls'
import type { RoomView, User, UserStatus } from '../../protocol/types'
import { addMember, call, joinRoom, openRoom, opened, send, updateRoom } from '../../store/actions'
import { jumpTo } from '../../store/jump'
import { updateAccount } from '../../store/people'
import { closeThread, openThread, useMarks } from '../../store/marks'
import { atLeast, mayLeave, mayModerate, sortedPeople, threadUnder, titleOf } from '../../store/select'
import type { State } from '../../store/state'
import { toast, useApp } from '../../store/store'
import { leave } from '../chat/leave'
import { openDialog } from '../dialogs/open'
import { parseDay } from '../kit/calendar'

/** Where and how a command was given. */
export interface Given {
  chat: State
  room: RoomView
  /** What stands behind the command. */
  rest: string
  /** Sends a message there, with the files that were attached. */
  say: (text: string) => void
}

export interface Command {
  name: string
  /** What is to be written behind it, and what it does. */
  args?: Key
  hint: Key
  /** Whom an @ behind it offers; without it, those in the room. */
  people?: 'all' | 'outside'
  /** Where it is offered and possible; without it, everywhere. */
  may?: (s: State, room: RoomView) => boolean
  /** Does it, or throws an ApiError or a Refusal. */
  run: (given: Given) => unknown
}

/** Why a command was not run. */
export class Refusal extends Error {}

const inRoom = (_: State, room: RoomView) => room.kind !== 'thread'
const moderates = (s: State, room: RoomView) => room.kind !== 'thread' && mayModerate(s, room)
const member = (s: State) => atLeast(s.me, 'member')

export const commands: Command[] = [
  { name: 'dm', args: 'command.args.personText', hint: 'command.dm', people: 'all', may: member, run: direct },
  {
    name: 'invite', args: 'command.args.people', hint: 'command.invite', people: 'outside', may: moderates,
    async run({ chat, room, rest }) {
      const users = readPeople(chat, rest)
      for (const user of users) await addMember(room.id, user.id)
      toast(t('add.done', { count: users.length }))
    },
  },
  {
    name: 'join', args: 'command.args.room', hint: 'command.join', may: member,
    async run({ chat, rest }) {
      const name = fold(needed(rest, 'command.needsRoom').replace(/^#/, ''))
      const here = Object.values(chat.rooms).find((r) => r.kind !== 'thread' && fold(titleOf(chat, r)) === name)
      openRoom(here?.id ?? (await joinRoom(await publicRoom(name))).id)
    },
  },
  { name: 'leave', hint: 'command.leave', may: (s, room) => room.kind !== 'thread' && mayLeave(s, room), run: ({ room }) => leave(room) },
  { name: 'topic', args: 'command.args.text', hint: 'command.topic', may: moderates, run: ({ room, rest }) => updateRoom(room.id, { topic: rest.trim() }) },
  { name: 'rename', args: 'command.args.text', hint: 'command.rename', may: moderates, run: ({ room, rest }) => updateRoom(room.id, { name: needed(rest, 'command.needsText') }) },
  { name: 'search', args: 'command.args.words', hint: 'command.search', run: search },
  {
    name: 'jump', args: 'command.args.day', hint: 'command.jump', may: inRoom,
    async run({ room, rest }) {
      if (!rest.trim()) return openDialog({ kind: 'jump', room: room.id })
      const day = parseDay(rest)
      if (!day) throw new Refusal(t('jump.wrong'))
      ;(await jumpTo(room.id, day))()
    },
  },
  { name: 'pins', hint: 'command.pins', may: inRoom, run: ({ room }) => openDialog({ kind: 'pins', room: room.id }) },
  {
    name: 'thread', args: 'command.args.maybeText', hint: 'command.thread', may: inRoom,
    async run({ chat, room, rest }) {
      const newest = chat.timelines[room.id]?.messages.findLast((m) => !m.deleted_at)
      if (!newest) throw new Refusal(t('command.noMessage'))
      await openThread(newest)
      const { chat: now } = useApp.getState()
      const thread = now && threadUnder(now, room.id, newest.no)
      if (rest.trim() && thread) send(thread.id, rest.trim())
    },
  },
  { name: 'me', args: 'command.args.text', hint: 'command.me', run: ({ rest, say }) => say(`_${needed(rest, 'command.needsText')}_`) },
  { name: 'shrug', args: 'command.args.maybeText', hint: 'command.shrug', run: ({ rest, say }) => say(`${rest.trim()} ¯\\_(ツ)_/¯`.trim()) },
  { name: 'status', args: 'command.args.status', hint: 'command.status', run: ({ rest }) => (rest.trim() ? updateAccount({ status: readStatus(rest) }) : openDialog({ kind: 'status' })) },
  { name: 'quiet', hint: 'command.quiet', run: () => openDialog({ kind: 'quiet' }) },
  { name: 'mute', args: 'command.args.person', hint: 'command.mute', may: moderates, run: moderate('mute') },
  { name: 'remove', args: 'command.args.person', hint: 'command.remove', may: moderates, run: moderate('remove') },
  { name: 'ban', args: 'command.args.person', hint: 'command.ban', may: moderates, run: moderate('ban') },
  { name: 'help', hint: 'command.help', run: () => openDialog({ kind: 'keys' }) },
]

/** The commands that are possible in a room. */
export const possible = (s: State, room: RoomView): Command[] => commands.filter((c) => !c.may || c.may(s, room))

const fold = (text: string) => text.normalize('NFKC').trim().toLowerCase()

function needed(rest: string, refusal: Key): string {
  if (!rest.trim()) throw new Refusal(t(refusal))
  return rest.trim()
}

const called = (chat: State) => [chat.me, ...sortedPeople(chat)].map(({ id, name }) => ({ id, name, me: false }))

/** The people who are named in a text that consists of nothing else. */
export function readPeople(chat: State, text: string): User[] {
  const found = findCalls(text, called(chat))
  let rest = text
  for (const { from, to } of [...found].reverse()) rest = rest.slice(0, from) + rest.slice(to)
  const unknown = rest.replace(/[\s,]+/g, ' ').trim()
  if (unknown) throw new Refusal(t('command.noPerson', { name: unknown }))
  if (found.length === 0) throw new Refusal(t('command.needsPerson'))
  return [...new Set(found.map((f) => f.who.id))].map((id) => chat.people[id]!)
}

/** The person at the beginning of a text, with or without an @, and what stands behind. */
export function readPerson(chat: State, text: string): { user: User; rest: string } {
  const whole = needed(text, 'command.needsPerson').replace(/^@?/, '@')
  const first = findCalls(whole, called(chat)).find((f) => f.from === 0)
  if (!first) throw new Refusal(t('command.noPerson', { name: whole.slice(1).split(/\s/)[0]! }))
  return { user: chat.people[first.who.id]!, rest: whole.slice(first.to).trim() }
}

function search({ rest }: Given): void {
  closeThread()
  useMarks.setState({ searching: true, query: rest.trim() })
}

/** An emoji at the beginning, and the text behind it. */
export function readStatus(text: string): UserStatus {
  const match = /^(\p{Extended_Pictographic}[\p{M}\p{Emoji_Modifier}\u200d\ufe0f\p{Extended_Pictographic}]*)?\s*(.*)$/su.exec(text.trim())
  return { ...(match?.[1] ? { emoji: match[1] } : {}), ...(match?.[2] ? { text: match[2].replace(/\s+/g, ' ') } : {}) }
}

/** Asks for how long, and why, where that is to be known. */
function moderate(act: 'mute' | 'remove' | 'ban') {
  return ({ chat, room, rest }: Given) => {
    const { user } = readPerson(chat, rest)
    if (user.id === chat.me.id) throw new Refusal(t('command.oneself'))
    openDialog({ kind: 'moderate', act, room: room.id, user: user.id })
  }
}

async function direct({ chat, rest: text }: Given): Promise<void> {
  const { user, rest } = readPerson(chat, text)
  if (user.id === chat.me.id) throw new Refusal(t('command.oneself'))
  const view = opened(await call('direct.open', { user: user.id }))
  if (rest) send(view.id, rest)
  openRoom(view.id)
}

async function publicRoom(name: string): Promise<string> {
  for (let after: string | undefined; ; ) {
    const page = await call('room.directory', { limit: 200, ...(after ? { after } : {}) })
    const found = page.rooms.find((r) => fold(r.name ?? '') === name)
    if (found) return found.id
    after = page.next
    if (!after) throw new Refusal(t('command.noRoom', { name }))
  }
}

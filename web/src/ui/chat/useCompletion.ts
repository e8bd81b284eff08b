import { type RefObject, useEffect, useMemo, useState } from 'react'
import { type Emoji, type Emojis, endedCode, loadEmojis, suggest, typedCode, withCustom } from '../../emoji/emoji'
import { toned } from '../../emoji/tone'
import { t, useLanguage } from '../../i18n'
import { findCalls } from '../../markdown/calls'
import type { Room } from '../../protocol/types'
import { directory, loadMembersOnce } from '../../store/actions'
import { choices } from '../../store/choices'
import { useCustomEmoji } from '../../store/customEmoji'
import { calledWords, typedCall, typedRoom } from '../../store/call'
import { homeOf } from '../../store/gate'
import { viewOf } from '../../store/room'
import { roomLink } from '../../store/own'
import { useLookUp } from '../../store/profiles'
import { fit, hasRight, listed, sortedPeople } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { commands, possible } from '../commands/table'
import { typedCommand } from '../commands/read'

const shown = 8
const noRooms: Room[] = []

/** Something to put in the place of what is being written. */
export interface Offer {
  key: string
  sign: string
  kind?: 'emoji'
  text: string
  hint: string
  /** Of a command: what is to be written behind it. */
  args?: string
  insert: string
  /** Someone who is not in the room. */
  outside?: boolean
}

interface Typed {
  from: number
  to: number
  kind: 'emoji' | 'person' | 'room' | 'command'
  text: string
}

/** Offers emoji for the short code, people for the @ and rooms for the # at the caret of a text field, and commands for a slash at its beginning, and puts what is chosen in its place. */
export function useCompletion(
  room: string, area: RefObject<HTMLTextAreaElement | null>, text: string, replace: (from: number, to: number, by: string) => void,
) {
  const language = useLanguage((l) => l.language)
  const [emojis, setEmojis] = useState<Emojis | null>(null)
  const custom = useCustomEmoji()
  const all = useMemo(() => emojis && withCustom(emojis, custom.emoji), [emojis, custom])
  const [typed, setTyped] = useState<Typed | null>(null)
  const [at, setAt] = useState(0)
  const [closed, setClosed] = useState<number | null>(null) // where the list was closed: it stays so for that code
  const wanted = text.includes(':')
  const home = useChat((s) => {
    const view = viewOf(s, room) && homeOf(s, viewOf(s, room)!)
    return view && view.kind !== 'direct' ? view.id : null
  })
  useChat((s) => s.members[home ?? '']) // who is offered depends on it
  const asksFor = typed?.kind === 'person' ? home : null
  useEffect(() => {
    if (asksFor) loadMembersOnce(asksFor)
  }, [asksFor])
  useLookUp(typed?.kind === 'person' ? typed.text : '')
  useChat((s) => s.people) // who is found
  const [others, setOthers] = useState<Room[]>(noRooms) // public ones
  const asksForRooms = typed?.kind === 'room' && others === noRooms
  useEffect(() => {
    if (asksForRooms) directory().then(setOthers, () => {}) // one's own are offered all the same
  }, [asksForRooms])
  useEffect(() => {
    // Without the file there are no offers; the next colon asks again.
    if (wanted) loadEmojis(language).then(setEmojis, () => {})
  }, [wanted, language])
  const found: Offer[] = !typed || typed.from === closed ? [] : typed.kind === 'command' ? orders(room, typed.text) : typed.kind === 'person' ? people(room, typed.text, text) : typed.kind === 'room' ? rooms(typed.text, others) : all ? offers(all, typed.text) : []

  /** To be called whenever the text or the caret has changed. */
  const look = () => {
    const el = area.current
    if (!el) return
    const now = el.selectionStart === el.selectionEnd ? written(el.value, el.selectionStart) : null
    if (now?.from !== typed?.from || now?.text !== typed?.text) {
      setTyped(now)
      setAt(0)
      if (now?.from !== closed) setClosed(null)
    }
  }
  /** To be called after what was typed has changed the text: turns a whole `:code:` into its emoji. */
  const ended = (value: string, caret: number) => {
    const code = endedCode(value, caret)
    const emoji = code && all?.byCode.get(code.code)
    if (emoji) replace(code.from, caret, inTone(emoji))
  }
  const pick = (offer: Offer) => {
    if (!typed) return
    replace(typed.from, typed.to, offer.insert)
    setTyped(null)
  }
  /** True if the key was meant for the list. */
  const key = (k: string): boolean => {
    if (found.length === 0) return false
    if (k === 'ArrowDown') setAt((at + 1) % found.length)
    else if (k === 'ArrowUp') setAt((at + found.length - 1) % found.length)
    else if (k === 'Enter' && typed?.kind === 'command' && found[at]!.text === `/${typed.text}`) return false // it is all there: Enter runs it
    else if (k === 'Enter' || k === 'Tab') pick(found[at]!)
    else if (k === 'Escape') setClosed(typed!.from)
    else return false
    return true
  }
  return { found, at, setAt, pick, key, look, ended, close: () => setTyped(null) }
}

/** What is being written at the caret. */
function written(value: string, caret: number): Typed | null {
  const order = typedCommand(value.slice(0, caret))
  if (order !== null) return { from: 0, to: caret, kind: 'command', text: order }
  const call = typedCall(value, caret)
  if (call) return { from: call.from, to: caret, kind: 'person', text: call.name }
  const hash = typedCommand(value.split(/\s/)[0]!) === null ? typedRoom(value, caret) : null // a command is given names, not links
  if (hash) return { from: hash.from, to: caret, kind: 'room', text: hash.name }
  const code = typedCode(value, caret)
  return code && { from: code.from, to: caret, kind: 'emoji', text: code.code }
}

const offers = (emojis: Emojis, code: string): Offer[] =>
  suggest(emojis, code, shown).map((e) => ({ key: e.emoji, sign: inTone(e), kind: 'emoji', text: `:${e.codes[0] ?? e.label}:`, hint: e.label, insert: `${inTone(e)} ` }))

/** An emoji as its writer wants it. */
const inTone = (e: Emoji): string => toned(e.emoji, choices().tone ?? 0)

/** Rooms in whose name a word begins so: one's own, then other public ones. */
function rooms(typed: string, others: readonly Room[]): Offer[] {
  const { chat } = useApp.getState()
  const own = chat ? listed(chat).filter((r) => r.kind !== 'direct') : []
  return [...own, ...others.filter((r) => !chat?.rooms[r.id])]
    .map((r) => ({ r, score: fit(r.name ?? '', typed) }))
    .filter((x) => x.score > 2)
    .sort((a, b) => b.score - a.score)
    .slice(0, shown)
    .map(({ r }) => ({ key: r.id, sign: '#', text: r.name ?? '', hint: r.topic ?? '', insert: `${roomLink(r)} ` }))
}

/** Commands that begin so, and then those in which it stands elsewhere. */
function orders(room: string, typed: string): Offer[] {
  const { chat } = useApp.getState()
  const view = chat?.rooms[room]
  if (!chat || !view) return []
  return possible(chat, view)
    .map((c) => ({ c, at: c.name.indexOf(typed) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => Math.sign(a.at) - Math.sign(b.at))
    .map(({ c }) => ({ key: c.name, sign: '/', text: `/${c.name}`, hint: t(c.hint), args: c.args && t(c.args), insert: c.args ? `/${c.name} ` : `/${c.name}` }))
}

/** People whose name fits, those first who fit best: of the room, then others, who would not be notified; and the words for everyone. */
function people(room: string, typed: string, text: string): Offer[] {
  const { chat, info } = useApp.getState()
  if (!chat) return []
  const view = viewOf(chat, room)
  const home = view && homeOf(chat, view)
  const members = home && chat.members[home.id]
  const direct = home?.kind === 'direct'
  const scope = commands.find((c) => text.startsWith(`/${c.name} `))?.people
  const isMember = (id: string) => (direct ? (home.people ?? []).includes(id) : members?.[id] !== undefined)
  const named = sortedPeople(chat)
    .map((u) => ({ u, outside: (direct || members !== undefined) && !isMember(u.id), score: fit(u.name, typed) }))
    .filter((x) => x.score > (typed ? 1 : 0) && (scope ? scope === 'all' || !members?.[x.u.id] : !x.outside || (!direct && typed !== '')))
    .map((x) => ({ ...x, outside: x.outside && !scope }))
    .sort((a, b) => Number(a.outside) - Number(b.outside) || b.score - a.score)
    .map<Offer>(({ u, outside }) => ({
      key: u.id, sign: '@', text: u.name, hint: outside ? t('call.outside') : chat.online[u.id] ? t('app.online') : '', outside, insert: `@${u.name} `,
    }))
  const words = scope || direct || !hasRight(info, chat.me, 'mention_room') ? [] : calledWords.filter((w) => w.startsWith(typed.toLowerCase()))
  return [...named.slice(0, shown - words.length), ...words.map((w) => ({ key: w, sign: '@', text: w, hint: t('call.everyone'), insert: `@${w} ` }))]
}

/** People named with an @ in a text who are not in the room that it goes to. */
export function outsiders(room: string, text: string): string[] {
  const { chat } = useApp.getState()
  const view = chat && viewOf(chat, room)
  const home = view && homeOf(chat, view)
  const members = home && home.kind !== 'direct' ? chat.members[home.id] : undefined
  if (!chat || !members) return []
  const everyone = sortedPeople(chat).map((u) => ({ id: u.id, name: u.name, former: u.former_name, me: false }))
  const here = findCalls(text, everyone.filter((u) => members[u.id])).map((c) => c.from)
  return [...new Set(findCalls(text, everyone).filter((c) => !members[c.who.id] && !here.includes(c.from)).map((c) => c.who.id))]
}

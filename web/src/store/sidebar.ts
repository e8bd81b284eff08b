// What stands in the list of rooms, and in which order. The layout is one of
// the person's documents, the same on all devices.

import type { RoomView } from '../protocol/types'
import { changeDocument } from './actions'
import { activity, changedRooms } from './rooms'
import { listed, shownUnread, titleOf } from './select'
import type { State } from './state'

export type Order = 'name' | 'activity' | 'own'

/** The document "sidebar". Sections are named by id: unread, favourites, rooms, directs, archived, threads, people, and own ones. */
export interface Layout {
  /** One's own sections, in order. */
  sections: { id: string; name: string }[]
  /** In which section a room stands, by its id; others stand in rooms or directs. */
  placed: Record<string, string>
  /** How a section is sorted, where that is not as usual. */
  order: Record<string, Order>
  /** The rooms of a section that is sorted by hand. */
  sorted: Record<string, string[]>
  folded: Record<string, boolean>
  /** Whether rooms with something unread stand above all others; if not said, they do. */
  unreadFirst: boolean
  /** Whether the last message is shown under a room's name; if not said, on phones only. */
  previews: boolean
}

export interface Section {
  id: string
  /** Of one's own sections. */
  name?: string
  /** The ids of its rooms, in order. */
  rooms: string[]
  order: Order
  folded: boolean
}

/** A list as long as this cannot be sorted by hand: its document would be too large. */
export const mostSorted = 500

const usualOrder = (section: string): Order => (section === 'unread' || section === 'directs' || section === 'archived' ? 'activity' : 'name')

const byActivity = (a: RoomView, b: RoomView) => (activity(a) < activity(b) ? 1 : activity(a) > activity(b) ? -1 : a.id < b.id ? -1 : 1)

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })
/** Where each room stands by name. Comparing names is slow, so it is done again only when one is new. */
let ranks = new Map<string, { title: string; rank: number }>()

function byName(s: State, rooms: RoomView[]): (a: RoomView, b: RoomView) => number {
  const titles = rooms.map((r) => titleOf(s, r))
  if (rooms.some((r, i) => ranks.get(r.id)?.title !== titles[i])) {
    const order = rooms.map((r, i) => ({ id: r.id, title: titles[i]! })).sort((a, b) => collator.compare(a.title, b.title) || (a.id < b.id ? -1 : 1))
    ranks = new Map(order.map(({ id, title }, rank) => [id, { title, rank }]))
  }
  return (a, b) => ranks.get(a.id)!.rank - ranks.get(b.id)!.rank
}

/** What the sections were made of, and in which each room stands. */
interface Made {
  rooms: State['rooms']
  of: unknown[]
  sections: Section[]
  within: Map<string, string>
}
let made: Made | null = null

/**
 * The sections that hold rooms, from top to bottom; empty ones are left out but
 * for rooms and one's own. Held is a room that was unread when it was opened:
 * it stays where it was until one leaves it. What stays as it was is the same
 * object as before.
 */
export function sections(s: State, layout: Partial<Layout>, open: string | null, held: string | null): Section[] {
  const of = [s.people, s.me.id, layout, open, held]
  const same = made?.of.every((x, i) => x === of[i]) ? made : null
  if (same?.rooms === s.rooms) return same.sections
  const own = layout.sections ?? []
  const known = new Set(['favourites', ...own.map((o) => o.id)])
  const sectionOf = (r: RoomView): string => {
    const placed = layout.placed?.[r.id]
    const unread = layout.unreadFirst !== false && !r.archived && (r.id === open ? r.id === held : shownUnread(s, r) > 0)
    return unread ? 'unread' : r.archived ? 'archived' : placed && known.has(placed) ? placed : r.kind === 'direct' ? 'directs' : 'rooms'
  }
  const orderOf = (id: string): Order => (id === 'unread' || id === 'archived' ? undefined : layout.order?.[id]) ?? usualOrder(id)
  let byNames: ReturnType<typeof byName> | null = null
  const name = (a: RoomView, b: RoomView) => (byNames ??= byName(s, listed(s)))(a, b)
  const make = (id: string, rooms: RoomView[], ofOwn?: string): Section => {
    const order = orderOf(id)
    const place = new Map(order === 'own' ? layout.sorted?.[id]?.map((room, i) => [room, i]) : [])
    const last = place.size
    rooms.sort(
      order === 'activity' ? byActivity : order === 'name' ? name : (a, b) => (place.get(a.id) ?? last) - (place.get(b.id) ?? last) || name(a, b),
    )
    const now = { id, rooms: rooms.map((r) => r.id), order, folded: layout.folded?.[id] ?? id === 'archived', ...(ofOwn === undefined ? {} : { name: ofOwn }) }
    const was = made?.sections.find((x) => x.id === id)
    return was && was.order === order && was.folded === now.folded && was.name === ofOwn && was.rooms.length === now.rooms.length && was.rooms.every((r, i) => r === now.rooms[i]) ? was : now
  }
  // A message changes one room of thousands, and mostly not where it stands.
  const changed = same && changedRooms(same.rooms, s.rooms)?.filter((id) => s.rooms[id]!.kind !== 'thread')
  if (same && changed?.every((id) => sectionOf(s.rooms[id]!) === same.within.get(id) && s.rooms[id]!.name === same.rooms[id]!.name && s.rooms[id]!.people === same.rooms[id]!.people)) {
    const moved = new Set(changed.map((id) => same.within.get(id)!).filter((id) => orderOf(id) === 'activity'))
    const next = same.sections.map((x) => (moved.has(x.id) ? make(x.id, x.rooms.map((id) => s.rooms[id]!), x.name) : x))
    made = { ...same, rooms: s.rooms, sections: next.every((x, i) => x === same.sections[i]) ? same.sections : next }
    return made.sections
  }
  const within = new Map<string, string>()
  const inSection = new Map<string, RoomView[]>()
  for (const r of listed(s)) {
    const to = sectionOf(r)
    within.set(r.id, to)
    const rooms = inSection.get(to)
    if (rooms) rooms.push(r)
    else inSection.set(to, [r])
  }
  // Without rooms of its own it is where others are dragged back to, or where a
  // first one will be.
  const backTo = own.length > 0 || inSection.has('favourites') || inSection.size === 0
  const whole = (id: string, ofOwn?: string) => make(id, inSection.get(id) ?? [], ofOwn)
  const next = [whole('unread'), whole('favourites'), ...own.map((o) => whole(o.id, o.name)), whole('rooms'), whole('directs'), whole('archived')].filter(
    (x) => x.rooms.length > 0 || x.name !== undefined || (x.id === 'rooms' && backTo),
  )
  made = { rooms: s.rooms, of, sections: next, within }
  return next
}

const change = (to: (was: Partial<Layout>) => Partial<Layout>) => changeDocument('sidebar', (v) => to(v as Partial<Layout>) as Record<string, unknown>)

export const setLayout = (to: Partial<Pick<Layout, 'unreadFirst' | 'previews'>>) => change((l) => ({ ...l, ...to }))
export const fold = (section: string, folded: boolean) => change((l) => ({ ...l, folded: { ...l.folded, [section]: folded } }))
export const setOrder = (section: string, order: Order, rooms: string[] = []) =>
  change((l) => ({ ...l, order: { ...l.order, [section]: order }, ...(order === 'own' ? { sorted: { ...l.sorted, [section]: rooms } } : {}) }))

/** Puts a room into a section: into its usual one, or before another room there, which sorts that by hand. */
export function place(room: RoomView, section: string, at?: { rooms: string[]; before: string | null }): void {
  const usual = room.kind === 'direct' ? 'directs' : 'rooms'
  change((l) => {
    const { [room.id]: _, ...others } = l.placed ?? {}
    const next = { ...l, placed: section === usual ? others : { ...others, [room.id]: section } }
    if (!at) return next
    const ids = at.rooms.filter((id) => id !== room.id)
    const index = at.before === null ? ids.length : ids.indexOf(at.before)
    ids.splice(index < 0 ? ids.length : index, 0, room.id)
    return { ...next, order: { ...l.order, [section]: 'own' }, sorted: { ...l.sorted, [section]: ids } }
  })
}

/** Whether a room can be dropped in a section. */
export const mayPlace = (room: RoomView, section: string): boolean =>
  !room.archived && section !== 'unread' && section !== 'archived' && (section === 'rooms' ? room.kind !== 'direct' : section === 'directs' ? room.kind === 'direct' : true)

/** Moves a room up or down in its section. */
export function move(section: Section, room: RoomView, step: 1 | -1): void {
  const at = section.rooms.indexOf(room.id)
  const to = at + step
  if (!mayPlace(room, section.id) || section.rooms.length > mostSorted || to < 0 || to >= section.rooms.length) return
  place(room, section.id, { rooms: section.rooms, before: section.rooms[step < 0 ? to : to + 1] ?? null })
}

export function addSection(name: string, room?: RoomView): void {
  const id = `s${Date.now().toString(36)}`
  change((l) => ({ ...l, sections: [...(l.sections ?? []), { id, name }] }))
  if (room) place(room, id)
}
export const renameSection = (id: string, name: string) => change((l) => ({ ...l, sections: l.sections?.map((x) => (x.id === id ? { id, name } : x)) }))
/** Takes one's own section away; its rooms go back to where they usually stand. */
export const deleteSection = (id: string) =>
  change((l) => ({
    ...l,
    sections: l.sections?.filter((x) => x.id !== id),
    placed: Object.fromEntries(Object.entries(l.placed ?? {}).filter(([, section]) => section !== id)),
    order: Object.fromEntries(Object.entries(l.order ?? {}).filter(([section]) => section !== id)),
    sorted: Object.fromEntries(Object.entries(l.sorted ?? {}).filter(([section]) => section !== id)),
  }))

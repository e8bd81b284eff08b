import { ChevronRight } from 'lucide-react'
import { type CSSProperties, type KeyboardEvent, type RefObject, useEffect, useMemo, useRef, useState } from 'react'
import { formatNumber, t } from '../../i18n'
import type { RoomView } from '../../protocol/types'
import { sortedRooms } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { useMedia, useNow } from '../kit/hooks'
import { useVisible } from '../kit/visible'
import { RoomItem } from './RoomItem'

/** One's rooms, and below them the direct ones. There may be thousands: only those in view are in the page. */
export function RoomList({ box }: { box: RefObject<HTMLElement | null> }) {
  const rooms = useChat((s) => s.rooms)
  const sorted = useMemo(() => sortedRooms({ rooms }), [rooms])
  const calling = useMemo(() => new Set(Object.values(rooms).filter((r) => r.kind === 'thread' && r.mentions).map((r) => r.parent!)), [rooms])
  return (
    <>
      <Section id="rooms" title={t('list.rooms')} rooms={sorted.rooms} calling={calling} box={box} empty={t('list.noRooms')} />
      {sorted.directs.length > 0 && <Section id="directs" title={t('list.directs')} rooms={sorted.directs} calling={calling} box={box} />}
      {sorted.archived.length > 0 && <Archived rooms={sorted.archived} box={box} />}
    </>
  )
}

/** Archived rooms, folded away unless one of them is open. */
function Archived({ rooms, box }: { rooms: RoomView[]; box: RefObject<HTMLElement | null> }) {
  const here = useApp((a) => rooms.some((r) => r.id === a.room))
  const [unfolded, unfold] = useState(here)
  useEffect(() => {
    if (here) unfold(true)
  }, [here])
  const unread = rooms.reduce((sum, r) => sum + r.unread, 0)
  return (
    <>
      <button className="fold" data-nav tabIndex={0} aria-expanded={unfolded} onClick={() => unfold(!unfolded)}>
        <ChevronRight size={15} aria-hidden className="flip" />
        <span>{t('archive.fold', { count: rooms.length })}</span>
        {!unfolded && unread > 0 && (
          <span className="badge">
            {unread > 99 ? `${formatNumber(99)}+` : formatNumber(unread)}
            <span className="visually-hidden">{t('list.unread')}</span>
          </span>
        )}
      </button>
      {unfolded && <Section id="archived" title={t('archive.list')} rooms={rooms} box={box} />}
    </>
  )
}

interface Props {
  id: string
  title: string
  rooms: RoomView[]
  /** Rooms with a thread in which one is mentioned. */
  calling?: ReadonlySet<string>
  box: RefObject<HTMLElement | null>
  empty?: string
}

/** One list, which is one stop of the Tab key: arrow keys, Home and End move inside. */
function Section({ id, title, rooms, calling, box, empty }: Props) {
  const open = useApp((a) => a.room)
  const now = useNow(60_000)
  const phone = useMedia('(max-width: 719px)')
  const list = useRef<HTMLUListElement>(null)
  const { from, to, before, after, reveal } = useVisible(box, list, rooms.length, phone ? 60 : 54)
  const [at, setAt] = useState<string | null>(null) // the room that has, or last had, the focus
  const wanted = useRef(false)

  const index = (room: string | null) => rooms.findIndex((r) => r.id === room)
  const openIndex = index(open)
  // The Tab key's stop: where one was, else the open room, else the first. It
  // is shown wherever the list is scrolled to.
  const stop = Math.max(0, index(at) >= 0 ? index(at) : openIndex)
  useEffect(() => {
    if (openIndex >= 0) reveal(openIndex)
    setAt(null)
  }, [open])
  useEffect(() => {
    if (!wanted.current) return
    const item = list.current?.querySelector<HTMLElement>('[tabindex="0"]')
    if (!item) return
    wanted.current = false
    item.focus({ preventScroll: true })
  })
  const keys = (e: KeyboardEvent) => {
    if (e.altKey || e.ctrlKey || e.metaKey) return
    const next = { ArrowDown: stop + 1, ArrowUp: stop - 1, Home: 0, End: rooms.length - 1 }[e.key]
    const room = next === undefined ? undefined : rooms[next]
    if (next === undefined) return
    if (!room) return // the arrow keys go on in the next list
    e.preventDefault()
    e.stopPropagation()
    reveal(next)
    wanted.current = true
    setAt(room.id)
  }
  const shown = Array.from({ length: to - from }, (_, i) => from + i)
  if (stop < from && rooms[stop]) shown.unshift(stop)
  else if (stop >= to && rooms[stop]) shown.push(stop)
  const item = (r: RoomView, i: number, style?: CSSProperties) => (
    <RoomItem key={r.id} room={r} called={calling?.has(r.id) ?? false} open={r.id === open} now={now} tab={i === stop} of={rooms.length} place={i + 1} style={style} />
  )
  return (
    <section aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`} className="list-title">
        {title}
      </h2>
      <ul
        ref={list}
        className="room-list"
        style={{ paddingBlock: `${before}px ${after}px` }}
        onKeyDown={keys}
        onFocus={(e) => {
          const room = (e.target as HTMLElement).dataset.room ?? null
          if (stop < from || stop >= to) {
            wanted.current = true // it is drawn anew, in its place
            reveal(stop)
          }
          setAt(room)
        }}
      >
        {shown.map((i) => item(rooms[i]!, i, i >= from && i < to ? undefined : i < from ? { position: 'absolute', insetBlockStart: 0 } : { position: 'absolute', insetBlockEnd: 0 }))}
      </ul>
      {rooms.length === 0 && empty && <p className="list-empty">{empty}</p>}
    </section>
  )
}

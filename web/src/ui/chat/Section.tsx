import { type CSSProperties, type DragEvent, type KeyboardEvent, memo, type RefObject, useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import type { RoomView } from '../../protocol/types'
import { useDocument } from '../../store/documents'
import { derived } from '../../store/rooms'
import { type Layout, mayPlace, mostSorted, move, place, type Section as Kept } from '../../store/sidebar'
import { useApp, useChat } from '../../store/store'
import { useMedia, useNow } from '../kit/hooks'
import { useVisible } from '../kit/visible'
import { RoomItem } from './RoomItem'
import { openRoomMenu } from './RoomMenu'
import { SectionHead } from './SectionHead'

interface Props {
  section: Kept
  /** Rooms with a thread in which one is mentioned. */
  calling: ReadonlySet<string>
  box: RefObject<HTMLElement | null>
  empty?: string
}

const viewOf = (id: string | undefined): RoomView | undefined => useApp.getState().chat?.rooms[id ?? '']

/** The room that is being dragged. */
let dragged: RoomView | null = null

/** One section of the list, which is one stop of the Tab key: arrow keys, Home and End move inside, with Ctrl and Shift they move the room. */
export const Section = memo(function Section({ section, calling, box, empty }: Props) {
  const { id, folded } = section
  const open = useApp((a) => a.room)
  // What is folded away still shows the open room.
  const rooms = folded ? section.rooms.filter((r) => r === open) : section.rooms
  const now = useNow(60_000)
  const phone = useMedia('(max-width: 719px)')
  const previews = useDocument<Layout>('sidebar').previews ?? phone
  const hidden = useChat((s) => (folded ? section.rooms.reduce((sum, r) => sum + (r === open ? 0 : (derived(s).counts.get(r) ?? 0)), 0) : 0))
  const list = useRef<HTMLUListElement>(null)
  const { from, to, before, after, reveal } = useVisible(box, list, rooms.length, previews ? (phone ? 60 : 54) : phone ? 44 : 32)
  const [at, setAt] = useState<string | null>(null) // the room that has, or last had, the focus
  const [over, setOver] = useState<string | null>(null) // the room before which the dragged one would land; empty for the end
  const wanted = useRef<string | null>(null) // the room that gets the focus once it is drawn as the Tab key's stop

  const index = (room: string | null) => (room === null ? -1 : rooms.indexOf(room))
  const openIndex = index(open)
  // The Tab key's stop: where one was, else the open room, else the first. It
  // is shown wherever the list is scrolled to.
  const stop = Math.max(0, index(at) >= 0 ? index(at) : openIndex)
  useEffect(() => {
    if (openIndex >= 0) reveal(openIndex)
    setAt(null)
  }, [open])
  useEffect(() => {
    if (wanted.current === null) return
    if (index(wanted.current) < 0) wanted.current = null
    const item = list.current?.querySelector<HTMLElement>('[tabindex="0"]')
    if (!item || item.dataset.room !== wanted.current) return
    wanted.current = null
    item.focus({ preventScroll: true })
  })
  const keys = (e: KeyboardEvent) => {
    const room = viewOf(rooms[stop])
    if (e.ctrlKey && e.shiftKey && !e.altKey && room && (e.key === 'ArrowUp' || e.key === 'ArrowDown')) {
      e.preventDefault()
      e.stopPropagation()
      wanted.current = room.id
      setAt(room.id)
      return move(section, room, e.key === 'ArrowUp' ? -1 : 1)
    }
    if (e.altKey || e.ctrlKey || e.metaKey) return
    const next = { ArrowDown: stop + 1, ArrowUp: stop - 1, Home: 0, End: rooms.length - 1 }[e.key]
    if (next === undefined || !rooms[next]) return // the arrow keys go on in the next list
    e.preventDefault()
    e.stopPropagation()
    reveal(next)
    wanted.current = rooms[next]
    setAt(rooms[next])
  }
  const drop = {
    onDragOver: (e: DragEvent) => {
      if (!dragged || !mayPlace(dragged, id)) return
      e.preventDefault()
      const item = (e.target as HTMLElement).closest<HTMLElement>('li[data-id]')
      if (!item || rooms.length > mostSorted) return setOver('')
      const { top, height } = item.getBoundingClientRect()
      const i = index(item.dataset.id!) + (e.clientY > top + height / 2 ? 1 : 0)
      setOver(rooms[i] ?? '')
    },
    onDragLeave: (e: DragEvent) => e.currentTarget.contains(e.relatedTarget as Node) || setOver(null),
    onDrop: (e: DragEvent) => {
      e.preventDefault()
      if (dragged) place(dragged, id, over === null || folded || (over === '' && !section.rooms.includes(dragged.id)) ? undefined : { rooms: section.rooms, before: over || null })
      setOver(null)
    },
  }
  const shown = Array.from({ length: to - from }, (_, i) => from + i)
  if (stop < from && rooms[stop]) shown.unshift(stop)
  else if (stop >= to && rooms[stop]) shown.push(stop)
  const item = (r: string, i: number, style?: CSSProperties) => (
    <RoomItem key={r} id={r} called={calling.has(r)} open={r === open} now={now} tab={i === stop} of={rooms.length} place={i + 1} previews={previews} before={over === r} style={style} />
  )
  return (
    <section aria-labelledby={`${id}-title`} {...drop}>
      <SectionHead section={section} unread={hidden} />
      <ul
        ref={list}
        id={`${id}-list`}
        data-section={id}
        className={`room-list${over === '' ? ' drop-end' : ''}`}
        style={{ paddingBlock: `${before}px ${after}px` }}
        onKeyDown={keys}
        onFocus={(e) => {
          const room = (e.target as HTMLElement).dataset.room ?? null
          if (stop < from || stop >= to) {
            wanted.current = rooms[stop] ?? null // it is drawn anew, in its place
            reveal(stop)
          }
          if (room) setAt(room)
        }}
        onContextMenu={(e) => {
          const li = (e.target as HTMLElement).closest<HTMLElement>('li[data-id]')
          if (!li) return
          e.preventDefault()
          openRoomMenu(li.dataset.id!, li)
        }}
        onDragStart={(e) => {
          const li = (e.target as HTMLElement).closest<HTMLElement>('li[data-id]')
          dragged = viewOf(li?.dataset.id) ?? null
          e.dataTransfer.effectAllowed = 'move'
          e.dataTransfer.setData('text/plain', '') // without data, Firefox drags nothing
        }}
        onDragEnd={() => void (dragged = null)}
      >
        {shown.map((i) => item(rooms[i]!, i, i >= from && i < to ? undefined : i < from ? { position: 'absolute', insetBlockStart: 0 } : { position: 'absolute', insetBlockEnd: 0 }))}
      </ul>
      {rooms.length === 0 && !folded && (empty || section.name !== undefined) && <p className="list-empty">{empty ?? t('section.empty')}</p>}
    </section>
  )
})

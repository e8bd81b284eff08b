import { ArrowDown } from 'lucide-react'
import { type KeyboardEvent, type RefObject, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { formatNumber, t } from '../../i18n'
import { plainLine } from '../../markdown/render'
import type { RoomView } from '../../protocol/types'
import { load, markRead, readOnArrival, setFollowing } from '../../store/actions'
import { useMarks } from '../../store/marks'
import type { Timeline as Shown } from '../../store/state'
import { useDocument } from '../../store/documents'
import { nameOf, titleOf, type Unread } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { forgetMark } from '../../store/unread'
import { emptyTimeline, pageSize } from '../../store/timeline'
import { useStill } from '../chat/still'
import { useFocused, useNow } from '../kit/hooks'
import { buildRows } from './rows'
import { RowView } from './RowView'
import { useScrollPlace } from './scroll'
import { Skeleton } from './Skeleton'
import { useTouch } from './touch'

/** A room's messages, from wherever one is to as far as one scrolls. */
export function Timeline({ room }: { room: RoomView }) {
  const { id } = room
  const timeline = useChat((s) => s.timelines[id])
  const notices = useChat((s) => s.notices[id])
  const outbox = useApp((a) => a.outbox)
  const fault = useApp((a) => a.faults[id])
  const online = useApp((a) => a.status.kind === 'online')
  const away = useApp((a) => a.status.kind === 'offline' || a.status.kind === 'reconnecting')
  const me = useChat((s) => s.me.id)
  const title = useChat((s) => titleOf(s, room))
  const focused = useFocused()
  const now = useNow(60_000)
  const box = useRef<HTMLDivElement>(null)

  const goal = useMarks((m) => m.goal)
  const [flash, setFlash] = useState<number | null>(null)
  const focus = useRef(false) // the message to be shown takes it
  const items = useMemo(() => outbox.filter((i) => i.room === id), [outbox, id])
  // What was marked as unread before one came is read like all else; what is
  // marked while one is here stays so until one comes back.
  const marked = useDocument<Unread>('unread').rooms?.[id]
  const [markedFirst] = useState(marked)
  const [line, setLine] = useState<number | null>(() => (marked !== undefined ? marked - 1 : room.unread > 0 ? room.read_no : null))
  useEffect(() => {
    if (marked !== undefined) setLine(marked - 1)
  }, [marked])
  const rows = useMemo(
    () => buildRows({ timeline: timeline ?? emptyTimeline, notices: notices ?? [], outbox: items, me, line }),
    [timeline, notices, items, me, line],
  )

  const ends = useRef(timeline)
  ends.current = timeline
  const onNear = useCallback(
    (end: 'older' | 'newer') => {
      const t = ends.current
      if (t && (end === 'older' ? t.moreOlder : t.moreNewer) && !useApp.getState().faults[id]) void load(id, end)
    },
    [id],
  )
  const still = useStill(room)
  const drawn = useMemo(() => rows.map((row) => <RowView key={row.key} row={row} room={still} now={now} />), [rows, still, now])
  const { atEnd, toEnd, toRow, current, look } = useScrollPlace(box, { rows, moreNewer: timeline?.moreNewer ?? false, onNear })

  // The first page, and again whenever what was there is not to be relied on
  // any more.
  const missing = timeline === undefined
  const stale = useChat((s) => s.stale[id] !== undefined)
  useEffect(() => {
    if (!missing || stale || !online || fault) return
    const seen = /^m(\d+)$/.exec(current() ?? '')?.[1]
    const wanted = useMarks.getState().goal
    if (wanted?.room === id) return // loads around that
    const first = marked ?? room.read_no + 1
    const far = room.head_no - first > pageSize / 2 ? first : undefined
    void load(id, 'replace', seen && !atEnd ? Number(seen) : far)
  }, [missing, stale, online, fault, id])
  useEffect(() => {
    if (online && !fault) look() // what could not be loaded at the ends before
  }, [online, fault, look])

  // The first sight of the room: where the unread begins, else the end.
  const placed = useRef(false)
  // Until one is where one is meant to be, nothing counts as seen.
  const [there, setThere] = useState(false)
  useLayoutEffect(() => {
    if (missing || placed.current) return
    placed.current = true
    if (goal?.room === id) return
    if (line === null || !toRow('unread', 0.2)) toEnd()
    setThere(true)
  }, [missing, line, toRow, toEnd])

  // The unread line stands above what came while one looked elsewhere, until
  // one has looked and gone again.
  useEffect(() => {
    if (!focused && room.unread === 0 && marked === undefined) setLine(null)
  }, [focused])
  useEffect(() => {
    if (room.unread > 0 && line === null && (!focused || !atEnd)) setLine(room.read_no)
  }, [room.unread, focused, atEnd, line, room.read_no])

  // One's own message: go there, and nothing above is news any more.
  const newestItem = items[items.length - 1]?.client_id
  const firstItem = useRef(newestItem)
  useEffect(() => {
    if (newestItem === undefined || newestItem === firstItem.current) return
    firstItem.current = newestItem
    setLine(null)
    if (ends.current?.moreNewer) void load(id, 'replace').then(toEnd)
    else toEnd()
  }, [newestItem, id, toEnd])

  const seesNewest = there && atEnd && timeline !== undefined && !timeline.moreNewer
  useEffect(() => setFollowing(id, seesNewest), [id, seesNewest, missing])
  const looks = focused && seesNewest
  useEffect(() => (looks ? readOnArrival(id) : undefined), [id, looks])
  useEffect(() => {
    if (!looks) return
    if (room.unread > 0) markRead(id)
    if (marked !== undefined && marked === markedFirst) forgetMark(id)
  }, [looks, room.unread, id, marked])

  useStops(box)
  useTouch(box, id)
  const toNewest = () => {
    if (timeline?.moreNewer) void load(id, 'replace').then(toEnd)
    else toEnd()
  }
  // Where to go once it is there.
  const target = useRef<string | null>(null)
  useLayoutEffect(() => {
    if (target.current !== null && toRow(target.current, target.current === 'start' ? 0 : 0.35)) {
      target.current = null
      setThere(true)
    }
  }, [rows, toRow])
  // A message that one has asked for, by its address or from a list.
  const wanted = goal?.room === id ? goal.no : null
  useEffect(() => {
    if (wanted === null || !online || stale) return
    focus.current = useMarks.getState().goal?.focus ?? false
    useMarks.setState({ goal: null })
    target.current = `m${wanted}`
    setFlash(wanted)
    const here = ends.current?.messages.some((m) => m.no === wanted)
    if (here && toRow(target.current, 0.35)) {
      target.current = null
      setThere(true)
    } else void load(id, 'replace', wanted).finally(() => setThere(true))
  }, [wanted, online, stale, id, toRow])
  useEffect(() => {
    const row = flash === null ? null : box.current?.querySelector<HTMLElement>(`article[data-no="${flash}"]`)
    if (!row) return
    row.classList.add('wanted')
    if (focus.current) row.focus({ preventScroll: true })
    focus.current = false
    const timer = setTimeout(() => {
      row.classList.remove('wanted')
      setFlash(null)
    }, 2_500)
    return () => clearTimeout(timer)
  }, [flash, rows])
  const toFirst = () => {
    if (!timeline) return
    if (timeline.moreOlder) {
      target.current = 'start'
      void load(id, 'replace', (room.trimmed ?? 0) + 1)
    } else toRow('start', 0)
  }
  const keys = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.shiftKey || e.target !== box.current) return
    if (e.key === 'Home') toFirst()
    else if (e.key === 'End') toNewest()
    else return
    e.preventDefault()
  }
  return (
    <div className="timeline-wrap">
      <div ref={box} className="timeline" role="log" aria-live="off" aria-busy={missing} aria-label={t('timeline.label', { room: title })} tabIndex={0} onKeyDown={(e) => (keys(e), walk(e))}>
        <div className="rows">
          {timeline?.moreOlder && <div className="edge">{fault ? <Retry fault={fault} room={id} where="older" /> : <Skeleton lines={3} />}</div>}
          {missing ? (
            fault ? (
              <div className="edge">
                <Retry fault={fault} room={id} where="replace" />
              </div>
            ) : away ? (
              <p className="edge-fault">{t('timeline.notKept')}</p>
            ) : (
              <Skeleton lines={9} />
            )
          ) : (
            drawn
          )}
          {missing && rows.filter((r) => r.kind === 'pending').map((row) => <RowView key={row.key} row={row} room={room} now={now} />)}
          {timeline?.moreNewer && <div className="edge">{fault ? <Retry fault={fault} room={id} where="newer" /> : <Skeleton lines={3} />}</div>}
        </div>
      </div>
      <News timeline={timeline} me={me} />
      {!seesNewest && !missing && (
        <button className={room.unread > 0 ? 'to-newest news' : 'to-newest'} onClick={toNewest}>
          {room.unread > 0 ? t('timeline.new', { number: room.unread > 999 ? `${formatNumber(999)}+` : formatNumber(room.unread) }) : t('timeline.newest')}
          <ArrowDown size={15} aria-hidden />
        </button>
      )}
    </div>
  )
}

function Retry({ fault, room, where }: { fault: string; room: string; where: 'replace' | 'older' | 'newer' }) {
  return (
    <p className="edge-fault" role="alert">
      {fault}{' '}
      <button className="link" onClick={() => void load(room, where)}>
        {t('app.tryAgain')}
      </button>
    </p>
  )
}

/** The arrow keys go from message to message; Tab then goes to what one can do with it. */
function walk(e: KeyboardEvent<HTMLElement>): void {
  const up = e.key === 'ArrowUp'
  const at = document.activeElement
  if (e.altKey || e.ctrlKey || e.metaKey || e.shiftKey || (!up && e.key !== 'ArrowDown') || !(at === e.currentTarget || at?.matches('article.message'))) return
  const rows = [...e.currentTarget.querySelectorAll<HTMLElement>('article.message[data-no]')]
  const bottom = e.currentTarget.getBoundingClientRect().bottom
  const i = at === e.currentTarget ? rows.findLastIndex((r) => r.getBoundingClientRect().top < bottom - 20) + (up ? 1 : 0) : rows.indexOf(at as HTMLElement)
  const next = rows[up ? i - 1 : at === e.currentTarget ? i : i + 1]
  if (!next) return
  e.preventDefault()
  next.focus({ preventScroll: true })
  next.scrollIntoView({ block: 'nearest' })
}

/** What is read aloud: the newest message of another that has come while one is here. */
function News({ timeline, me }: { timeline: Shown | undefined; me: string }) {
  const newest = timeline && !timeline.moreNewer ? timeline.messages[timeline.messages.length - 1] : undefined
  const known = useRef(newest?.no)
  const [news, setNews] = useState('')
  useEffect(() => {
    const { chat } = useApp.getState()
    if (known.current !== undefined && newest && newest.no > known.current && newest.from !== me && chat) {
      setNews(`${nameOf(chat, newest.from)}: ${plainLine(newest.text, 200) || (newest.files ?? []).map((f) => f.name).join(', ')}`)
    }
    if (newest) known.current = newest.no
  }, [newest?.no])
  return (
    <p className="visually-hidden" aria-live="polite">
      {news}
    </p>
  )
}

/** All messages are one stop of the Tab key. What is in one of them is reached when that has the focus: the arrow keys choose it. */
function useStops(box: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const tab = (e: globalThis.KeyboardEvent) => {
      if (e.key !== 'Tab' || !box.current) return
      const here = document.activeElement?.closest('article')
      for (const el of box.current.querySelectorAll<HTMLElement>('.rows :is(a[href], button, pre[tabindex], audio, video, input)')) {
        el.dataset.stop ??= String(el.tabIndex)
        el.tabIndex = here && el.closest('article') === here ? Number(el.dataset.stop) : -1
      }
    }
    window.addEventListener('keydown', tab, { capture: true })
    return () => window.removeEventListener('keydown', tab, { capture: true })
  }, [box])
}

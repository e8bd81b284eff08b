import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'

interface Place {
  key: string
  offset: number // of its upper edge from that of the visible part, px
}

interface Options {
  /** Changes whenever the rows do. */
  rows: unknown
  /** There is more beyond the last row: its lower edge is not the end. */
  moreNewer: boolean
  /** Called when fewer than this many screens are left at an end. */
  onNear: (end: 'older' | 'newer') => void
}

const nearScreens = 1.5
const slack = 48 // px from the end that still count as being there

/**
 * Keeps a scrolled list at its place. At the end it stays at the end; elsewhere the first visible row stays where
 * it is, whatever is added, removed or resized around it. (The browser's own scroll anchoring is not everywhere.)
 */
export function useScrollPlace(box: RefObject<HTMLElement | null>, { rows, moreNewer, onNear }: Options) {
  const [atEnd, setAtEnd] = useState(false)
  const stick = useRef(true)
  const place = useRef<Place | null>(null)
  const seen = useRef({ height: 0, top: 0 }) // of all rows, and scrolled, when last looked
  const near = useRef(onNear)
  const newer = useRef(moreNewer)
  near.current = onNear
  newer.current = moreNewer

  const look = useCallback(() => {
    const el = box.current
    if (!el) return
    const left = el.scrollHeight - el.clientHeight - el.scrollTop
    stick.current = left <= slack && !newer.current
    setAtEnd(stick.current)
    place.current = firstVisible(el)
    seen.current = { height: el.scrollHeight, top: el.scrollTop }
    if (el.scrollTop < el.clientHeight * nearScreens) near.current('older')
    if (left < el.clientHeight * nearScreens) near.current('newer')
  }, [box])

  const restore = useCallback(() => {
    const el = box.current
    if (!el) return
    if (stick.current && !newer.current) {
      el.scrollTop = el.scrollHeight
    } else if (place.current) {
      const row = el.querySelector<HTMLElement>(`[data-key="${CSS.escape(place.current.key)}"]`)
      if (row) el.scrollTop += row.getBoundingClientRect().top - el.getBoundingClientRect().top - place.current.offset
    }
    look()
  }, [box, look])

  // Rows may have grown since the last look, which the observer tells only
  // after the scrolling of the same frame: the place is then where it would be
  // without that, and is restored in a moment.
  const scrolled = useCallback(() => {
    const el = box.current
    if (!el) return
    const { height, top } = seen.current
    if (el.scrollHeight === height) return look()
    stick.current = Math.min(height, el.scrollHeight) - el.clientHeight - el.scrollTop <= slack && !newer.current
    if (place.current) place.current.offset -= el.scrollTop - top
    seen.current = { height, top: el.scrollTop }
  }, [box, look])

  // At the end, the observer below goes on to the new end with the same frame:
  // asking for it here would have the page laid out twice.
  useLayoutEffect(() => {
    if (!stick.current || newer.current) restore()
  }, [rows, moreNewer, restore])

  useEffect(() => {
    const el = box.current
    if (!el) return
    const observer = new ResizeObserver(restore)
    observer.observe(el)
    if (el.firstElementChild) observer.observe(el.firstElementChild)
    el.addEventListener('scroll', scrolled, { passive: true })
    return () => {
      observer.disconnect()
      el.removeEventListener('scroll', scrolled)
    }
  }, [box, scrolled, restore])

  const toEnd = useCallback(() => {
    stick.current = true
    place.current = null
    restore()
  }, [restore])

  /** Puts a row at a share of the height from the top. False if it is not there. */
  const toRow = useCallback(
    (key: string, share: number): boolean => {
      const el = box.current
      const row = el?.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)
      if (!el || !row) return false
      stick.current = false
      el.scrollTop += row.getBoundingClientRect().top - el.getBoundingClientRect().top - el.clientHeight * share
      look()
      return true
    },
    [box, look],
  )

  /** The first visible row's key. */
  const current = useCallback(() => place.current?.key ?? null, [])
  return { atEnd, toEnd, toRow, current, look }
}

function firstVisible(el: HTMLElement): Place | null {
  const top = el.getBoundingClientRect().top
  const rows = el.firstElementChild?.children as HTMLCollectionOf<HTMLElement> | undefined
  if (!rows) return null
  // The rows lie in order: halve.
  let low = 0
  let high = rows.length
  while (low < high) {
    const mid = (low + high) >> 1
    if (rows[mid]!.getBoundingClientRect().bottom > top) high = mid
    else low = mid + 1
  }
  // Lines between days and the like go when more comes before them: a place
  // among messages stays.
  const passes = /^(d\d|start$|unread$|undefined$)/ // what has no key is not of the rows
  let row = rows[low]
  while (row && passes.test(String(row.dataset.key)) && rows[low + 1]) row = rows[++low]
  return row?.dataset.key ? { key: row.dataset.key, offset: row.getBoundingClientRect().top - top } : null
}

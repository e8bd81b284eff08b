import { type RefObject, useCallback, useEffect, useLayoutEffect, useState } from 'react'

const spare = 8 // rows beyond the visible part
const few = 60 // lists this short are shown whole

/** Which of many rows of one height are to be shown: those from..to, and how much space the others take, in px. */
export interface Visible {
  from: number
  to: number
  before: number
  after: number
}

export function visible(count: number, height: number, top: number, viewport: number): Visible {
  if (count <= few) return { from: 0, to: count, before: 0, after: 0 }
  const from = Math.min(Math.max(0, Math.floor(-top / height) - spare), count)
  const to = Math.max(from, Math.min(count, Math.ceil((viewport - top) / height) + spare))
  return { from, to, before: from * height, after: (count - to) * height }
}

/** Shows of a long list only what is near the visible part of the box that it scrolls in. Its rows are all as high as its first. */
export function useVisible(box: RefObject<HTMLElement | null>, list: RefObject<HTMLElement | null>, count: number, rowHeight: number) {
  const [height, setHeight] = useState(rowHeight)
  const [at, setAt] = useState({ top: 0, viewport: 1000 })
  const look = useCallback(() => {
    const [b, l] = [box.current, list.current]
    if (!b || !l) return
    const row = l.querySelector('li')?.getBoundingClientRect().height
    if (row) setHeight(row)
    const top = Math.round(l.getBoundingClientRect().top - b.getBoundingClientRect().top)
    const viewport = b.clientHeight
    setAt((was) => (was.top === top && was.viewport === viewport ? was : { top, viewport }))
  }, [box, list])
  // Anew where the list is another one, or what stands above it: not with
  // every change in a row.
  useLayoutEffect(look, [look, count])
  useEffect(() => {
    const b = box.current
    if (!b) return
    const observer = new ResizeObserver(look)
    const observe = () => [b, ...b.children].forEach((el) => observer.observe(el))
    observe()
    const parts = new MutationObserver(observe)
    parts.observe(b, { childList: true })
    b.addEventListener('scroll', look, { passive: true })
    return () => {
      observer.disconnect()
      parts.disconnect()
      b.removeEventListener('scroll', look)
    }
  }, [box, look])
  /** Brings a row into the visible part, so that it is there. */
  const reveal = useCallback(
    (index: number) => {
      const [b, l] = [box.current, list.current]
      if (!b || !l) return
      const y = l.getBoundingClientRect().top - b.getBoundingClientRect().top + index * height
      if (y < 0) b.scrollTop += y
      else if (y + height > b.clientHeight) b.scrollTop += y + height - b.clientHeight
    },
    [box, list, height],
  )
  return { ...visible(count, height, at.top, at.viewport), reveal }
}

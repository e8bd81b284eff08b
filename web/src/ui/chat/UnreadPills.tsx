import { ArrowDown, ArrowUp } from 'lucide-react'
import { type RefObject, useCallback, useEffect, useState } from 'react'
import { formatNumber, t } from '../../i18n'
import { derived } from '../../store/rooms'
import type { Section } from '../../store/sidebar'
import { useApp, useChat } from '../../store/store'

interface Beyond {
  /** How many rooms with something unread are beyond the edge. */
  count: number
  /** How far to scroll, in px, to see the nearest of them. */
  by: number
}

const none: Beyond = { count: 0, by: 0 }

/** Says at both ends of the list how many rooms with something unread are out of sight, and leads there. */
export function UnreadPills({ box, sections }: { box: RefObject<HTMLElement | null>; sections: Section[] }) {
  const unread = useChat((s) => derived(s).unread)
  const open = useApp((a) => a.room)
  const [beyond, setBeyond] = useState({ above: none, below: none })
  const look = useCallback(() => {
    const b = box.current
    if (!b) return
    const edge = b.getBoundingClientRect()
    let [above, below] = [none, none]
    for (const section of sections) {
      if (section.folded || unread.size === 0) continue
      const list = b.querySelector(`ul[data-section="${CSS.escape(section.id)}"]`)?.getBoundingClientRect()
      const height = list ? list.height / section.rooms.length : 0
      section.rooms.forEach((r, i) => {
        if (!list || r === open || !unread.has(r)) return
        const middle = list.top + (i + 0.5) * height
        if (middle < edge.top) above = { count: above.count + 1, by: middle - edge.top - height }
        else if (middle > edge.bottom) below = { count: below.count + 1, by: below.by || middle - edge.bottom + height }
      })
    }
    setBeyond((was) => (was.above.count === above.count && was.above.by === above.by && was.below.count === below.count && was.below.by === below.by ? was : { above, below }))
  }, [box, sections, unread, open])
  useEffect(() => {
    const b = box.current
    if (!b) return
    let frame = 0
    const soon = () => {
      cancelAnimationFrame(frame)
      frame = requestAnimationFrame(look)
    }
    soon() // with the next frame, which lays the page out anyway
    const observer = new ResizeObserver(soon)
    observer.observe(b)
    b.addEventListener('scroll', soon, { passive: true })
    return () => {
      cancelAnimationFrame(frame)
      observer.disconnect()
      b.removeEventListener('scroll', soon)
    }
  }, [box, look])
  const pill = (at: 'above' | 'below') =>
    beyond[at].count > 0 && (
      <div className={`unread-pill ${at}`}>
        <button onClick={() => box.current?.scrollBy({ top: beyond[at].by, behavior: window.matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' })}>
          {at === 'above' ? <ArrowUp size={14} aria-hidden /> : <ArrowDown size={14} aria-hidden />}
          {t('list.moreUnread', { count: beyond[at].count, number: formatNumber(beyond[at].count) })}
        </button>
      </div>
    )
  return (
    <>
      {pill('above')}
      {pill('below')}
    </>
  )
}

import { type ReactNode, useRef } from 'react'
import type { User } from '../../protocol/types'
import { useVisible } from '../kit/visible'

/** People below each other in a page. There may be thousands: only those in view are in it. */
export function PersonList({ people, item }: { people: User[]; item: (person: User, place: number, of: number) => ReactNode }) {
  const box = useRef<HTMLElement | null>(null)
  const list = useRef<HTMLUListElement>(null)
  const ref = (el: HTMLUListElement | null) => {
    list.current = el
    box.current = el?.closest<HTMLElement>('.admin-box') ?? null
  }
  const { from, to, before, after } = useVisible(box, list, people.length, 57)
  return (
    <ul ref={ref} className="people" style={{ paddingBlock: `${before}px ${after}px` }}>
      {people.slice(from, to).map((p, i) => item(p, from + i + 1, people.length))}
    </ul>
  )
}

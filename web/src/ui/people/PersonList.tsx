import { type ReactNode, useRef } from 'react'
import { formatNumber, t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { User } from '../../protocol/types'
import { loadMorePeople } from '../../store/people'
import { toast, useChat } from '../../store/store'
import { useVisible } from '../kit/visible'

/** How many there are; where not all are known, those who are, and more. */
export const peopleCount = (count: number, more: boolean): string => t('people.count', { count, number: `${formatNumber(count)}${more ? '+' : ''}` })

/**
 * People below each other in a page. There may be thousands: only those in view
 * are in it, and where not all are known, one can ask for more.
 */
export function PersonList({ people, item }: { people: User[]; item: (person: User, place: number, of: number) => ReactNode }) {
  const box = useRef<HTMLElement | null>(null)
  const list = useRef<HTMLUListElement>(null)
  const ref = (el: HTMLUListElement | null) => {
    list.current = el
    box.current = el?.closest<HTMLElement>('.admin-box') ?? null
  }
  const { from, to, before, after } = useVisible(box, list, people.length, 57)
  const more = useChat((s) => s.peopleNext !== null)
  return (
    <>
      <ul ref={ref} className="people" style={{ paddingBlock: `${before}px ${after}px` }}>
        {people.slice(from, to).map((p, i) => item(p, from + i + 1, people.length))}
      </ul>
      {more && (
        <button className="button" onClick={() => loadMorePeople().catch((err: unknown) => toast(explain(err)))}>
          {t('message.more')}
        </button>
      )}
    </>
  )
}

import { MessageSquare } from 'lucide-react'
import { useMemo } from 'react'
import { formatNumber, t } from '../../i18n'
import { plainLine } from '../../markdown/render'
import type { RoomView } from '../../protocol/types'
import { openRoom } from '../../store/actions'
import { openThread, useMarks } from '../../store/marks'
import { derived } from '../../store/rooms'
import { shownUnread, threads, titleOf } from '../../store/select'
import type { Layout } from '../../store/sidebar'
import { useDocument } from '../../store/documents'
import { useChat } from '../../store/store'
import { Fold } from './SectionHead'

/** So many threads are shown when nothing in them is unread. */
const shown = 3

/** The threads that one follows: those with something unread, or the latest of the others. */
export function Threads({ unread = false }: { unread?: boolean }) {
  const all = useChat(threads)
  const counts = useChat((s) => derived(s).counts)
  const list = useMemo(() => {
    const answered = all.filter((r) => r.head_no > 0)
    return unread ? answered.filter((r) => counts.has(r.id)) : answered.filter((r, i) => i < shown && !counts.has(r.id))
  }, [all, counts, unread])
  const id = unread ? 'unreadthreads' : 'threads'
  const folded = useDocument<Layout>('sidebar').folded?.[id] ?? false
  if (list.length === 0) return null
  return (
    <section aria-labelledby={`${id}-title`}>
      <Fold id={id} title={t(unread ? 'list.unreadThreads' : 'list.threads')} folded={folded} unread={folded && unread ? list.reduce((sum, r) => sum + (counts.get(r.id) ?? 0), 0) : 0} />
      {!folded && (
        <ul id={`${id}-list`}>
          {list.map((r, i) => (
            <ThreadItem key={r.id} thread={r} first={i === 0} />
          ))}
        </ul>
      )}
    </section>
  )
}

function ThreadItem({ thread, first }: { thread: RoomView; first: boolean }) {
  const parent = useChat((s) => (s.rooms[thread.parent!] ? titleOf(s, s.rooms[thread.parent!]!) : ''))
  const open = useMarks((m) => m.thread?.room === thread.parent && m.thread?.no === thread.root)
  const unread = useChat((s) => shownUnread(s, thread))
  const go = () => {
    openRoom(thread.parent!)
    void openThread({ room: thread.parent!, no: thread.root! })
  }
  return (
    <li>
      <button className={`person-item thread-item${unread > 0 ? ' unread' : ''}`} data-nav tabIndex={first ? 0 : -1} aria-current={open ? 'true' : undefined} onClick={go}>
        <MessageSquare size={16} aria-hidden />
        <span className="person-name">
          <bdi>{parent}</bdi>
          {thread.last && <small dir="auto">{thread.last.deleted_at ? t('message.deleted') : plainLine(thread.last.text, 60)}</small>}
        </span>
        {unread > 0 && (
          <span className={thread.mentions ? 'badge called' : 'badge'}>
            {formatNumber(Math.min(unread, 99))}
            <span className="visually-hidden">{t('list.unread')}</span>
          </span>
        )}
      </button>
    </li>
  )
}

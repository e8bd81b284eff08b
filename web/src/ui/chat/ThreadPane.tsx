import { Bell, BellRing, X } from 'lucide-react'
import { useEffect, useState } from 'react'
import { t } from '../../i18n'
import type { Message } from '../../protocol/types'
import { call, visited } from '../../store/actions'
import { changeMessage } from '../../store/message'
import { closeThread, followThread, type Place, unfollow } from '../../store/marks'
import { threadUnder, titleOf } from '../../store/select'
import { useChat } from '../../store/store'
import { MessageRow } from '../timeline/MessageRow'
import { Timeline } from '../timeline/Timeline'
import { Writing } from './Writing'

/** The thread under a message, beside its room. */
export function ThreadPane({ place }: { place: Place }) {
  const view = useChat((s) => threadUnder(s, place.room, place.no))
  const title = useChat((s) => (s.rooms[place.room] ? titleOf(s, s.rooms[place.room]!) : ''))
  const root = useRoot(place)
  useEffect(() => {
    if (!view) closeThread() // left, here or on another device
  }, [view])
  const follows = useChat((s) => view !== undefined && s.rooms[view.id] !== undefined)
  // Events of a thread come to those who follow it; to others the message above
  // it says that there is more.
  const newest = (root?.thread?.replies ?? 0) + (root?.thread?.deleted ?? 0)
  useEffect(() => {
    if (view && !follows && newest > view.head_no) call('room.get', { room: view.id }).then(visited, () => {})
  }, [view, follows, newest])
  if (!view) return null
  return (
    <aside className="thread" aria-label={t('thread.label')}>
      <header className="thread-head">
        <h2>
          {t('thread.title')} <bdi>{title}</bdi>
        </h2>
        <button className="button quiet" title={t(follows ? 'thread.unfollow' : 'thread.followHint')} aria-pressed={follows} onClick={() => void (follows ? unfollow(place, view) : followThread(place))}>
          {follows ? <BellRing size={15} aria-hidden /> : <Bell size={15} aria-hidden />}
          {t(follows ? 'thread.following' : 'thread.follow')}
        </button>
        <button className="icon-button" aria-label={t('thread.close')} onClick={closeThread}>
          <X size={18} />
        </button>
      </header>
      {root && (
        <div className="thread-root">
          <MessageRow message={{ ...root, thread: undefined }} grouped={false} tick={false} rowKey={`root${root.no}`} />
        </div>
      )}
      <Timeline key={view.id} room={view} />
      <Writing key={`c${view.id}`} room={view} />
    </aside>
  )
}

/** The message above a thread: from what is shown of its room, or fetched. */
function useRoot({ room, no }: Place): Message | undefined {
  const shown = useChat((s) => s.timelines[room]?.messages.find((m) => m.no === no))
  const changes = useChat((s) => s.changes[room])
  const [fetched, setFetched] = useState<Message>()
  const missing = shown === undefined && fetched === undefined
  useEffect(() => {
    if (missing) call('message.get', { room, no }).then(setFetched, () => {}) // the answers are there without it
  }, [missing, room, no])
  return shown ?? (fetched && (changes ?? []).reduce(changeMessage, fetched))
}

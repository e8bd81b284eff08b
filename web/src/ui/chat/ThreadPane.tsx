import { MoreHorizontal, Star, X } from 'lucide-react'
import { useEffect, useState } from 'react'
import { t } from '../../i18n'
import type { Message } from '../../protocol/types'
import { call } from '../../store/actions'
import { changeMessage } from '../../store/message'
import { closeThread, type Place, unfollow } from '../../store/marks'
import { threadUnder, titleOf } from '../../store/select'
import { useChat } from '../../store/store'
import { Menu, MenuItem } from '../kit/Menu'
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
  if (!view) return null
  return (
    <aside className="thread" aria-label={t('thread.label')}>
      <header className="thread-head">
        <h2>
          {t('thread.title')} <bdi>{title}</bdi>
        </h2>
        <Menu
          trigger={
            <button className="icon-button" aria-label={t('thread.more')}>
              <MoreHorizontal size={18} />
            </button>
          }
        >
          <MenuItem icon={<Star size={16} />} onSelect={() => void unfollow(place, view.id)}>
            {t('thread.unfollow')}
          </MenuItem>
        </Menu>
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

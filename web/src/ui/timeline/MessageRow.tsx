import { Check, MessageSquare, Pin, Trash2 } from 'lucide-react'
import { memo, useLayoutEffect, useRef } from 'react'
import { t } from '../../i18n'
import { plainLine } from '../../markdown/render'
import type { Message } from '../../protocol/types'
import { release, useDeletions } from '../../store/deletions'
import { mentioning } from '../../store/message'
import { openThread, point, useMarks } from '../../store/marks'
import { nameOf } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { Avatar } from '../kit/Avatar'
import { useNow } from '../kit/hooks'
import { clockTime, fullTime, shortTime } from '../kit/time'
import { StatusMark } from '../people/Status'
import { Attachments } from './Attachments'
import { EditBox } from './EditBox'
import { Links } from './Links'
import { MessageActions } from './MessageActions'
import { Reactions } from './Reactions'
import { Text } from './Text'

interface Props {
  message: Message
  grouped: boolean
  /** Shows that the message is kept for good. */
  tick: boolean
  rowKey: string
}

/** One message; grouped ones stand under the name of the first. */
export const MessageRow = memo(function MessageRow({ message, grouped, tick, rowKey }: Props) {
  const name = useChat((s) => nameOf(s, message.from))
  const time = clockTime(message.at)
  const called = useChat((s) => mentioning(message, s.me.id))
  const editing = useMarks((m) => m.editing?.room === message.room && m.editing.no === message.no)
  const key = `${message.room}/${message.no}`
  const online = useApp((a) => a.status.kind === 'online')
  const active = useMarks((m) => m.active === key)
  const deleted = message.deleted_at !== undefined
  const profile = () => openDialog({ kind: 'profile', user: message.from })
  const going = useDeletions((d) => (deleted ? undefined : d[key]))
  const ref = useRef<HTMLElement>(null)
  useLayoutEffect(() => {
    // What had the focus was among the actions, which are gone.
    if (going && document.activeElement === document.body) ref.current?.focus({ preventScroll: true })
  }, [going])
  const said = deleted ? t('message.deleted') : plainLine(message.text, 200) || (message.files ?? []).map((f) => f.alt ?? f.name).join(', ')
  const replies = message.thread?.replies ? `, ${t('thread.replies', { count: message.thread.replies })}` : ''
  const label = `${name}, ${time}: ${said}${replies}`
  const classes = ['message', grouped && 'grouped', called && 'called', editing && 'editing', deleted && 'deleted', going && 'going'].filter(Boolean).join(' ')
  return (
    <article ref={ref} className={classes} tabIndex={-1} onPointerOver={() => point(key)} onFocus={() => point(key)} data-key={rowKey} data-no={message.no} aria-label={label}>
      {grouped ? (
        <time className="message-side" dateTime={message.at} title={fullTime(message.at)}>
          {time}
        </time>
      ) : (
        <button className="face" tabIndex={-1} aria-hidden="true" onClick={profile}>
          <Avatar id={message.from} name={name} size="large" />
        </button>
      )}
      <div className="message-main">
        {!grouped && (
          <header>
            <button className="message-author" tabIndex={-1} title={t('profile.of', { name })} onClick={profile}>
              <bdi>{name}</bdi>
            </button>
            <StatusMark user={message.from} />
            <time dateTime={message.at} title={fullTime(message.at)}>
              {time}
            </time>
          </header>
        )}
        {message.pinned_at && (
          <p className="message-pin">
            <Pin size={12} aria-hidden />
            {t('message.pinned')}
          </p>
        )}
        {deleted ? (
          <p className="message-gone">{t('message.deleted')}</p>
        ) : editing ? (
          <EditBox message={message} />
        ) : (
          message.text && <Text text={message.text} mentions={message.mentions} />
        )}
        {message.files && <Attachments message={message} />}
        {!deleted && <Links message={message} />}
        {going && (
          <p className="message-waits">
            <Trash2 size={13} aria-hidden />
            {going === 'sent' ? t(online ? 'undo.goingNow' : 'undo.goingLater') : t('undo.going')}
            {going === 'held' && (
              <button className="link" onClick={() => (release(message), ref.current?.focus({ preventScroll: true }))}>
                {t('undo.undo')}
              </button>
            )}
          </p>
        )}
        {message.edited_at && !editing && (
          <button className="message-edited" title={fullTime(message.edited_at)} onClick={() => openDialog({ kind: 'edits', room: message.room, no: message.no })}>
            {t('message.edited')}
          </button>
        )}
        {message.reactions && <Reactions message={message} />}
        {message.thread && <ThreadLine message={message} />}
      </div>
      {active && !deleted && !going && !editing && <MessageActions message={message} />}
      {tick && (
        <span className="tick" title={t('timeline.stored')}>
          <Check size={14} aria-hidden />
          <span className="visually-hidden">{t('timeline.sent')}</span>
        </span>
      )}
    </article>
  )
})

/** How many answers there are under a message. */
function ThreadLine({ message }: { message: Message }) {
  const { room, replies, last_at } = message.thread!
  const unread = useChat((s) => s.rooms[room]?.unread ?? 0)
  const now = useNow(60_000)
  if (replies === 0) return null // all were deleted
  return (
    <button className={unread > 0 ? 'thread-line news' : 'thread-line'} onClick={() => void openThread(message)}>
      <MessageSquare size={14} aria-hidden />
      <span>{t('thread.replies', { count: replies })}</span>
      <time dateTime={last_at}>{shortTime(last_at, now)}</time>
      {unread > 0 && <span className="badge">{unread}</span>}
    </button>
  )
}

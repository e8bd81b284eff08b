import { BellOff, CircleAlert, MessageSquare, MoreHorizontal, Pencil } from 'lucide-react'
import { type CSSProperties, memo } from 'react'
import { formatNumber, t } from '../../i18n'
import { plainLine } from '../../markdown/render'
import type { RoomView } from '../../protocol/types'
import { openRoom } from '../../store/actions'
import { isGroup, levelOf, nameOf, otherOf, presence, shownUnread, titleOf } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { shortTime } from '../kit/time'
import { StatusMark } from '../people/Status'
import { RoomFace } from './RoomFace'
import { openRoomMenu } from './RoomMenu'

interface Props {
  id: string
  open: boolean
  now: number
  /** Whether the Tab key stops here. */
  tab: boolean
  /** Which of how many in its list it is, from 1. */
  place: number
  of: number
  /** One is mentioned in a thread of it. */
  called: boolean
  /** Whether the last message is shown. */
  previews: boolean
  /** The room that is being dragged would land before it. */
  before: boolean
  style?: CSSProperties
}

/**
 * One room in the list. The list knows rooms by their ids: a message draws one
 * of its rows anew.
 */
export const RoomItem = memo(function RoomItem({ id, ...shown }: Props) {
  const room = useChat((s) => s.rooms[id])
  return room ? <Item room={room} {...shown} /> : null
})

/** What a room is, its last message, and what is unread. */
const Item = memo(function Item({ room, called, open, now, tab, place, of, previews, before, style }: Omit<Props, 'id'> & { room: RoomView }) {
  const title = useChat((s) => titleOf(s, room))
  const pair = room.kind === 'direct' && !isGroup(room)
  const other = useChat((s) => otherOf(s, room))
  const online = useChat((s) => presence(s, other))
  const author = useChat((s) => (!room.last ? '' : room.last.from === s.me.id ? t('app.you') : pair ? '' : nameOf(s, room.last.from)))
  const typing = useChat((s) => Object.keys(s.typing[room.id] ?? {})[0])
  const typist = useChat((s) => (typing ? nameOf(s, typing) : ''))
  const failed = useApp((a) => a.outbox.some((i) => i.state === 'failed' && i.room === room.id))
  const draft = useApp((a) => (open ? undefined : a.drafts[room.id])) // of the open room it stands in the field
  const unread = useChat((s) => shownUnread(s, room))
  const silent = useChat((s) => levelOf(s, room) === 'none')
  const badges = (
    <>
      {failed && (
        <span className="room-failed" title={t('list.failed')}>
          <CircleAlert size={16} aria-hidden />
          <span className="visually-hidden">{t('list.failed')}</span>
        </span>
      )}
      {called && (
        <span className="badge called" title={t('list.threadMention')}>
          <MessageSquare size={11} aria-hidden /> @<span className="visually-hidden">{t('list.threadMention')}</span>
        </span>
      )}
      {unread > 0 && (
        <span className={room.mentions ? 'badge called' : 'badge'}>
          {room.mentions && (pair ? '' : '@ ')}
          {unread > 99 ? `${formatNumber(99)}+` : formatNumber(unread)}
          <span className="visually-hidden">{t('list.unread')}</span>
        </span>
      )}
    </>
  )
  return (
    <li aria-posinset={place} aria-setsize={of} style={style} data-id={room.id} className={before ? 'drop-before' : undefined} draggable={!room.archived}>
      <button
        className={`room-item${previews ? '' : ' compact'}${open ? ' open' : ''}${unread ? ' unread' : ''}${silent ? ' silent' : ''}`}
        data-nav
        tabIndex={tab ? 0 : -1}
        data-room={room.id}
        aria-current={open ? 'page' : undefined}
        onClick={() => openRoom(room.id)}
      >
        <span className="room-icon">
          <RoomFace room={room} size={previews ? 'medium' : 'small'} />
        </span>
        <span className="room-lines">
          <span className="room-line">
            <span className="room-title">
              <bdi>{title}</bdi>
              {other && <StatusMark user={other} />}
            </span>
            {silent && (
              <span className="room-silent" title={t('level.silent')}>
                <BellOff size={13} aria-hidden />
                <span className="visually-hidden">{t('level.silent')}</span>
              </span>
            )}
            <span className="visually-hidden">
              {room.kind === 'private' ? t('list.private') : isGroup(room) ? t('group.inside') : pair ? t(online === undefined ? 'list.direct' : online ? 'list.directOnline' : 'list.directOffline') : ''}
              {room.archived && t('archive.inside')}
            </span>
            {!previews && typing && <em className="room-typing">{t('list.typing')}</em>}
            {!previews && draft && (
              <span className="room-draft" title={t('list.draft')}>
                <Pencil size={13} aria-hidden />
                <span className="visually-hidden">{t('list.draft')}</span>
              </span>
            )}
            {!previews && badges}
            {previews && room.last && (
              <time className="room-time" dateTime={room.last.at}>
                {shortTime(room.last.at, now)}
              </time>
            )}
          </span>
          {previews && (
            <span className="room-line">
              <span className="room-preview">
                {typing ? (
                  <em>{pair ? t('list.typing') : t('typing.one', { a: typist })}</em>
                ) : draft ? (
                  <>
                    <span className="room-draft">{t('list.draft')}</span> <bdi>{draft.replace(/\s+/g, ' ').slice(0, 90)}</bdi>
                  </>
                ) : room.last ? (
                  <>
                    {author && (
                      <span className="room-author">
                        <bdi>{author}</bdi>:
                      </span>
                    )}{' '}
                    <bdi>{room.last.deleted_at ? t('message.deleted') : plainLine(room.last.text, 90) || room.last.files?.map((f) => f.name).join(', ')}</bdi>
                  </>
                ) : (
                  <bdi>{room.topic || t('list.noMessages')}</bdi>
                )}
              </span>
              {badges}
            </span>
          )}
        </span>
      </button>
      <button className="icon-button room-more" tabIndex={-1} aria-label={t('list.menuOf', { room: title })} onClick={(e) => openRoomMenu(room.id, e.currentTarget.parentElement!)}>
        <MoreHorizontal size={15} />
      </button>
    </li>
  )
})

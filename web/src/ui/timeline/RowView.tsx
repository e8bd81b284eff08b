import { memo } from 'react'
import { t } from '../../i18n'
import type { RoomView } from '../../protocol/types'
import { isGroup, titleOf } from '../../store/select'
import { useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { dateWithYear, dayName } from '../kit/time'
import { MessageRow } from './MessageRow'
import { NextSteps } from './NextSteps'
import { NoticeRow } from './NoticeRow'
import { PendingRow } from './PendingRow'
import type { Row } from './rows'

/** One row of the timeline. */
export function RowView({ row, room, now }: { row: Row; room: RoomView; now: number }) {
  switch (row.kind) {
    case 'start':
      return <Start room={room} />
    case 'day':
      return (
        <div className="day" data-key={row.key} role={room.kind === 'thread' ? 'separator' : undefined}>
          {room.kind === 'thread' ? <span>{dayName(row.at, now)}</span> : <Day room={room.id} at={row.at} name={dayName(row.at, now)} />}
        </div>
      )
    case 'unread':
      return (
        <div className="unread-line" data-key={row.key} role="separator">
          <span>{t('timeline.newLine')}</span>
        </div>
      )
    case 'message':
      return <MessageRow message={row.message} grouped={row.grouped} tick={row.tick} rowKey={row.key} />
    case 'pending':
      return <PendingRow item={row.item} grouped={row.grouped} rowKey={row.key} />
    case 'notices':
      return <NoticeRow notices={row.notices} rowKey={row.key} />
  }
}

/** Leads from one day to another. */
function Day({ room, at, name }: { room: string; at: string; name: string }) {
  return (
    <button aria-haspopup="dialog" aria-label={t('jump.from', { day: name })} title={t('jump.title')} onClick={() => openDialog({ kind: 'jump', room, at })}>
      {name}
    </button>
  )
}

const Start = memo(function Start({ room }: { room: RoomView }) {
  const title = useChat((s) => titleOf(s, room))
  if (room.kind === 'thread') return <p className="thread-start" data-key="start">{t('thread.start')}</p>
  return (
    <div className="start" data-key="start">
      <h2 dir="auto">{title}</h2>
      <p>
        {isGroup(room)
          ? t('group.start')
          : room.kind === 'direct'
          ? t('timeline.startDirect', { name: title })
          : t(room.kind === 'private' ? 'timeline.startPrivate' : 'timeline.startPublic', { date: dateWithYear(room.created_at) })}{' '}
        {room.head_no === 0 && t('timeline.first')}
      </p>
      {room.id === 'general' && <NextSteps />}
    </div>
  )
})

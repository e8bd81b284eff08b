import { Timer } from 'lucide-react'
import { t } from '../../i18n'
import type { RoomView } from '../../protocol/types'
import { useNow } from '../kit/hooks'
import { countdown, span } from '../kit/time'

/** In the place of the button that sends, while one has to wait in a slow room: how long. */
export function SlowSend({ until }: { until: number }) {
  const left = until - useNow(500)
  return (
    <button className="send slow" disabled>
      <span aria-hidden="true">{countdown(left)}</span>
      <span className="visually-hidden">{t('slow.send', { time: span(Math.max(1, Math.ceil(left / 1000))) })}</span>
    </button>
  )
}

/** Says that a room is slow; and to readers, once, that one has to wait. */
export function SlowNote({ room, waiting }: { room: RoomView; waiting: boolean }) {
  if (!room.slow || room.kind === 'thread') return null
  return (
    <span className="slow-note">
      <Timer size={13} aria-hidden /> {t('slow.note', { time: span(room.slow) })}
      <span role="status" className="visually-hidden">
        {waiting ? t('slow.wait') : ''}
      </span>
    </span>
  )
}

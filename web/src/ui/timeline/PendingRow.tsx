import { CircleAlert, Clock3 } from 'lucide-react'
import { memo } from 'react'
import { t } from '../../i18n'
import type { Item } from '../../outbox/outbox'
import { discard, retry } from '../../store/actions'
import { editUnsent } from '../../store/marks'
import { useApp, useChat } from '../../store/store'
import { Avatar } from '../kit/Avatar'
import { useNow } from '../kit/hooks'
import { clockTime, countdown } from '../kit/time'
import { Text } from './Text'

/** One's own message that has no place in the room yet. */
export const PendingRow = memo(function PendingRow({ item, grouped, rowKey }: { item: Item; grouped: boolean; rowKey: string }) {
  const me = useChat((s) => s.me)
  const online = useApp((a) => a.status.kind === 'online')
  const time = clockTime(new Date(item.at).toISOString())
  const failed = item.state === 'failed'
  return (
    <article
      className={`message ${item.state}${grouped ? ' grouped' : ''}`}
      data-key={rowKey}
      data-client-id={item.client_id}
      data-state={item.state}
      aria-label={failed ? t('timeline.failedLabel') : t('timeline.pendingLabel')}
    >
      {grouped ? <span className="message-side" /> : <Avatar id={me.id} name={me.name} size="large" />}
      <div className="message-main">
        {!grouped && (
          <header>
            <span className="message-author">
              <bdi>{me.name}</bdi>
            </span>
            <time>{time}</time>
          </header>
        )}
        {item.text && <Text text={item.text} />}
        {item.files && <p className="message-waits">{item.files.map((f) => f.name).join(', ')}</p>}
        {failed ? (
          <p className="message-fault" role="alert">
            <CircleAlert size={15} aria-hidden />
            <span>{t('timeline.notSent', { reason: item.error ?? '' })}</span>
            <button className="link" onClick={() => retry(item.client_id)}>
              {t('timeline.sendAgain')}
            </button>
            <button className="link" onClick={() => editUnsent(item)}>
              {t('message.edit')}
            </button>
            <button className="link" onClick={() => discard(item.client_id)}>
              {t('app.discard')}
            </button>
          </p>
        ) : (
          item.state === 'pending' &&
          (!online ? (
            <Waits text={t('timeline.waits')} />
          ) : item.error ? (
            <Waits text={t('timeline.held', { reason: item.error })} />
          ) : (
            item.waits !== undefined && <Slow until={item.waits} />
          ))
        )}
      </div>
    </article>
  )
})

/** Says when a message goes that the server wants to wait. */
function Slow({ until }: { until: number }) {
  const left = until - useNow(1_000)
  if (left <= 0) return null
  return <Waits text={t('slow.goes', { time: countdown(left) })} />
}

const Waits = ({ text }: { text: string }) => (
  <p className="message-waits">
    <Clock3 size={13} aria-hidden /> {text}
  </p>
)

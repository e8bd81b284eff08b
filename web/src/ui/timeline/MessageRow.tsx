import { Check } from 'lucide-react'
import { memo } from 'react'
import { t } from '../../i18n'
import { renderMarkdown } from '../../markdown/render'
import type { Message } from '../../protocol/types'
import { nameOf } from '../../store/select'
import { useChat } from '../../store/store'
import { Avatar } from '../kit/Avatar'
import { clockTime, fullTime } from '../kit/time'

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
  return (
    <article className={grouped ? 'message grouped' : 'message'} data-key={rowKey} data-no={message.no} aria-label={`${name}, ${time}`}>
      {grouped ? (
        <time className="message-side" dateTime={message.at} title={fullTime(message.at)}>
          {time}
        </time>
      ) : (
        <Avatar id={message.from} name={name} size="large" />
      )}
      <div className="message-main">
        {!grouped && (
          <header>
            <span className="message-author">
              <bdi>{name}</bdi>
            </span>
            <time dateTime={message.at} title={fullTime(message.at)}>
              {time}
            </time>
          </header>
        )}
        <Text text={message.text} />
      </div>
      {tick && (
        <span className="tick" title={t('timeline.stored')}>
          <Check size={14} aria-hidden />
          <span className="visually-hidden">{t('timeline.sent')}</span>
        </span>
      )}
    </article>
  )
})

/** A message's text. What comes out of renderMarkdown is safe to be put into the page. */
export const Text = memo(function Text({ text }: { text: string }) {
  // Where there is no letter, such as in a single emoji, the page's direction holds.
  return <div className="markdown" dir={/\p{L}/u.test(text) ? 'auto' : undefined} dangerouslySetInnerHTML={{ __html: renderMarkdown(text) }} />
})

import { memo } from 'react'
import { renderMarkdown } from '../../markdown/render'
import type { Message } from '../../protocol/types'
import { nameOf } from '../../store/select'
import { useChat } from '../../store/store'
import { Avatar } from '../kit/Avatar'
import { clockTime, fullTime } from '../kit/time'

/** One message; grouped ones stand under the name of the first. */
export const MessageRow = memo(function MessageRow({ message, grouped, rowKey }: { message: Message; grouped: boolean; rowKey: string }) {
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
            <span className="message-author" dir="auto">
              {name}
            </span>
            <time dateTime={message.at} title={fullTime(message.at)}>
              {time}
            </time>
          </header>
        )}
        <Text text={message.text} />
      </div>
    </article>
  )
})

/** A message's text. What comes out of renderMarkdown is safe to be put into the page. */
export const Text = memo(function Text({ text }: { text: string }) {
  return <div className="markdown" dir="auto" dangerouslySetInnerHTML={{ __html: renderMarkdown(text) }} />
})

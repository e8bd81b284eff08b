import { Paperclip } from 'lucide-react'
import { goToRoom, useMarks } from '../../store/marks'
import type { FoundMessage } from '../../store/searched'
import { nameOf, titleOf } from '../../store/select'
import { useChat } from '../../store/store'
import { clockTime, dateWithYear, fullTime } from '../kit/time'

/** A message that was found. */
export function Hit({ message, excerpt }: FoundMessage) {
  const name = useChat((s) => nameOf(s, message.from))
  const room = useChat((s) => s.rooms[message.room])
  const title = useChat((s) => (room ? titleOf(s, room) : ''))
  const go = () => {
    const narrow = window.matchMedia('(max-width: 1099px)').matches
    if (narrow) history.pushState(null, '', location.hash) // Back leads to the results again
    void goToRoom(message.room, message.no)
    if (narrow) useMarks.setState({ searching: false }) // the message would be behind them
  }
  return (
    <li className="hit">
      <button onClick={go}>
        <span className="hit-head">
          <bdi>{name}</bdi>
          <small>
            <bdi>{title}</bdi> · <time dateTime={message.at} title={fullTime(message.at)}>{`${dateWithYear(message.at)}, ${clockTime(message.at)}`}</time>
          </small>
        </span>
      </button>
      <p className="excerpt" dir="auto">
        {excerpt.file && <Paperclip size={14} aria-hidden />}
        {excerpt.parts.map((part, i) => (part.marked ? <mark key={i}>{part.text}</mark> : part.text))}
      </p>
    </li>
  )
}

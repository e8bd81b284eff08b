import { memo } from 'react'
import type { Notice } from '../../store/state'
import { nameOf } from '../../store/select'
import { useApp } from '../../store/store'

/** What happened beside the messages, in one quiet line. */
export const NoticeRow = memo(function NoticeRow({ notices, rowKey }: { notices: Notice[]; rowKey: string }) {
  const people = useApp((a) => a.chat?.people)
  const text = people ? notices.map((n) => say(n)).join(' · ') : ''
  return (
    <div className="notice" data-key={rowKey}>
      <span dir="auto">{text}</span>
    </div>
  )
})

function say(n: Notice): string {
  const s = useApp.getState().chat!
  const who = (id: string | undefined) => (id === s.me.id ? 'You' : nameOf(s, id ?? ''))
  const whom = (id: string) => (id === s.me.id ? 'you' : nameOf(s, id))
  switch (n.kind) {
    case 'connected':
      return `${who(n.user)} connected`
    case 'disconnected':
      return `${who(n.user)} left` // as in: is no longer here
    case 'joined':
      return `${who(n.user)} joined the room`
    case 'left':
      return `${who(n.user)} left the room`
    case 'added':
      return `${who(n.by)} added ${whom(n.user)}`
    case 'removed':
      return `${who(n.by)} removed ${whom(n.user)}`
    case 'renamed':
      return `${who(n.user)} renamed the room to ${n.text}`
    case 'topic':
      return n.text ? `${who(n.user)} set the topic: ${n.text}` : `${who(n.user)} removed the topic`
    case 'created':
      return `${who(n.user)} created the room`
  }
}

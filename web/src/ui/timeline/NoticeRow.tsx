import { memo } from 'react'
import type { Notice } from '../../store/state'
import { nameOf } from '../../store/select'
import { t } from '../../i18n'
import { span } from '../kit/time'
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
  const mine = (id: string | undefined) => id === s.me.id
  const name = nameOf(s, n.user)
  // One's own doings are said in a sentence of their own: in most languages the
  // verb is another one.
  switch (n.kind) {
    case 'added':
    case 'removed': {
      const other = mine(n.user) ? t('app.youInside') : name
      return t(mine(n.by) ? `notice.${n.kind}You` : `notice.${n.kind}`, { name: nameOf(s, n.by ?? ''), other })
    }
    case 'topic':
      if (!n.text) return t(mine(n.user) ? 'notice.noTopicYou' : 'notice.noTopic', { name })
      break
    case 'slow':
      return t(mine(n.user) ? 'notice.slowYou' : 'notice.slow', { name, text: span(Number(n.text)) })
  }
  return t(mine(n.user) ? `notice.${n.kind}You` : `notice.${n.kind}`, { name, text: n.text ?? '' })
}

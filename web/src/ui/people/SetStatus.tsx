import { useState } from 'react'
import { type Key, t } from '../../i18n'
import { updateAccount } from '../../store/people'
import { statusOf } from '../../store/person'
import { useChat } from '../../store/store'
import { EmojiButton } from '../emoji/EmojiButton'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'
import { type Choice, SpanField, useSpan } from './SpanField'

/** Length of a status, as the server has it. */
const longest = 100

const presets: { emoji: string; text: Key; until: Choice }[] = [
  { emoji: '📅', text: 'status.meeting', until: '1h' },
  { emoji: '🍽️', text: 'status.lunch', until: '1h' },
  { emoji: '🚌', text: 'status.way', until: '30m' },
  { emoji: '🏡', text: 'status.home', until: 'today' },
  { emoji: '🤒', text: 'status.ill', until: 'today' },
  { emoji: '🌴', text: 'status.away', until: 'never' },
]

/** What one says of oneself for a while. */
export function SetStatus({ onClose }: { onClose: () => void }) {
  const now = useChat((s) => s.me)
  const [old] = useState(() => statusOf(now, Date.now()))
  const [emoji, setEmoji] = useState(old?.emoji ?? '')
  const [text, setText] = useState(old?.text ?? '')
  const span = useSpan(old?.until ? 'date' : old ? 'never' : 'today', old?.until)
  const save = useSubmit(async () => {
    const until = span.end()?.toISOString()
    const said = text.trim()
    await updateAccount({ status: { ...(emoji ? { emoji } : {}), ...(said ? { text: said } : {}), ...(until && (emoji || said) ? { until } : {}) } })
    onClose()
  })
  const clear = useSubmit(async () => {
    await updateAccount({ status: {} })
    onClose()
  })
  return (
    <Dialog title={t('status.title')} onClose={onClose}>
      <form onSubmit={save.submit}>
        <div className="status-field">
          <EmojiButton label={emoji ? t('status.emojiNow', { emoji }) : t('status.emoji')} sign={emoji} onDone={(e) => e && setEmoji(e)} />
          <Field label={t('status.text')} value={text} maxLength={longest} autoFocus autoComplete="off" placeholder={t('status.placeholder')} onChange={(e) => setText(e.target.value)} error={save.at('text') ?? save.at('status')} />
        </div>
        <div className="presets" role="group" aria-label={t('status.presets')}>
          {presets.map((p) => (
            <button
              key={p.text}
              type="button"
              className="button preset"
              onClick={() => {
                setEmoji(p.emoji)
                setText(t(p.text))
                span.setChoice(p.until)
              }}
            >
              <span aria-hidden="true">{p.emoji}</span>
              {t(p.text)}
            </button>
          ))}
        </div>
        <SpanField label={t('status.clearAfter')} choices={['never', '30m', '1h', '4h', 'today', 'date']} span={span} />
        <Fault text={save.elsewhere('text', 'status') ?? clear.elsewhere()} />
        <div className="dialog-actions">
          {old && (
            <button type="button" className="button apart" disabled={clear.busy} onClick={() => void clear.submit()}>
              {t('status.clear')}
            </button>
          )}
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button primary" disabled={save.busy || span.end() === undefined || (!emoji && text.trim() === '' && !old)}>
            {t('app.save')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

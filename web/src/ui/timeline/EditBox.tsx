import { type KeyboardEvent, useLayoutEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import type { Message } from '../../protocol/types'
import { tidy } from '../../protocol/text'
import { saveEdit, stopEdit } from '../../store/marks'

/** Changes the text of a message in its place. Enter saves, Escape leaves it as it was. */
export function EditBox({ message }: { message: Message }) {
  const [text, setText] = useState(message.text)
  const [busy, setBusy] = useState(false)
  const area = useRef<HTMLTextAreaElement>(null)
  useLayoutEffect(() => {
    const a = area.current!
    a.focus()
    a.setSelectionRange(a.value.length, a.value.length)
  }, [])
  useLayoutEffect(() => {
    const a = area.current!
    a.style.height = 'auto'
    a.style.height = `${Math.min(a.scrollHeight, window.innerHeight * 0.4)}px`
  }, [text])
  const trimmed = text.trim()
  const ready = !busy && (trimmed !== '' || (message.files?.length ?? 0) > 0)
  const save = async () => {
    if (!ready) return
    if (trimmed === message.text) return stopEdit()
    setBusy(true)
    if (await saveEdit(message, tidy(trimmed))) stopEdit()
    else setBusy(false)
  }
  const key = (e: KeyboardEvent) => {
    if (e.nativeEvent.isComposing || e.keyCode === 229) return
    if (e.key === 'Escape') {
      e.preventDefault()
      stopEdit()
    } else if (e.key === 'Enter' && !e.shiftKey) {
      e.preventDefault()
      void save()
    }
  }
  return (
    <form
      className="edit-box"
      onSubmit={(e) => {
        e.preventDefault()
        void save()
      }}
    >
      <textarea ref={area} rows={1} dir="auto" value={text} aria-label={t('message.editLabel')} onChange={(e) => setText(e.target.value)} onKeyDown={key} />
      <div className="edit-actions">
        <button type="button" className="button quiet" onClick={stopEdit}>
          {t('app.cancel')}
        </button>
        <button className="button primary" disabled={!ready}>
          {t('message.save')}
        </button>
      </div>
    </form>
  )
}

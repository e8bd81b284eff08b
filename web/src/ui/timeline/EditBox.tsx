import { type KeyboardEvent, useEffect, useId, useLayoutEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import type { Message } from '../../protocol/types'
import { tidy } from '../../protocol/text'
import { enterSends } from '../../store/choices'
import { saveEdit, stopEdit } from '../../store/marks'
import { formatOf, formats } from '../chat/marks'
import { Offers } from '../chat/Offers'
import { pasteText } from '../chat/paste'
import { useCompletion } from '../chat/useCompletion'
import { useMedia } from '../kit/hooks'

/** Edits that were begun: they are there again when one comes back to the room. */
const halfEdits = new Map<string, string>()

/** Changes the text of a message in its place. Enter saves, Escape leaves it as it was. */
export function EditBox({ message }: { message: Message }) {
  const place = `${message.room}/${message.no}`
  const [text, setText] = useState(() => halfEdits.get(place) ?? message.text)
  const touch = useMedia('(pointer: coarse)')
  const id = useId()
  const caret = useRef<[number, number] | null>(null)
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
    if (caret.current) a.setSelectionRange(...caret.current)
    caret.current = null
  }, [text])
  const write = (value: string) => {
    setText(value)
    halfEdits.set(place, value)
  }
  const replace = (from: number, to: number, by: string) => {
    write(text.slice(0, from) + by + text.slice(to))
    caret.current = [from + by.length, from + by.length]
  }
  const completion = useCompletion(message.room, area, text, replace)
  useEffect(completion.look, [text])
  /** The focus goes back to where one writes. */
  const close = () => {
    halfEdits.delete(place)
    const field = area.current?.closest('.room, .thread')?.querySelector<HTMLElement>('.composer textarea')
    stopEdit()
    if (!touch) field?.focus()
  }
  const trimmed = text.trim()
  const ready = !busy && (trimmed !== '' || (message.files?.length ?? 0) > 0)
  const save = async () => {
    if (!ready) return
    if (trimmed === message.text) return close()
    setBusy(true)
    if (await saveEdit(message, tidy(trimmed))) close()
    else setBusy(false)
  }
  const key = (e: KeyboardEvent) => {
    if (e.nativeEvent.isComposing || e.keyCode === 229) return
    if (!e.shiftKey && !e.ctrlKey && !e.metaKey && !e.altKey && completion.key(e.key)) return e.preventDefault()
    const format = formatOf(e)
    if (format) {
      e.preventDefault()
      const marked = formats[format]({ text, from: area.current!.selectionStart, to: area.current!.selectionEnd })
      caret.current = [marked.from, marked.to]
      write(marked.text)
    } else if (e.key === 'Escape') {
      e.preventDefault()
      close()
    } else if (e.key === 'Enter' && enterSends(e, touch)) {
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
      <Offers id={id} completion={completion} />
      <textarea
        ref={area}
        rows={1}
        dir="auto"
        value={text}
        aria-label={t('message.editLabel')}
        aria-autocomplete="list"
        aria-controls={completion.found.length > 0 ? `${id}-list` : undefined}
        aria-activedescendant={completion.found.length > 0 ? `${id}-${completion.at}` : undefined}
        onChange={(e) => (write(e.target.value), completion.ended(e.target.value, e.target.selectionStart))}
        onSelect={completion.look}
        onBlur={completion.close}
        onKeyDown={key}
        onPaste={(e) => pasteText(e, replace)}
      />
      <div className="edit-actions">
        <button type="button" className="button quiet" onClick={close}>
          {t('app.cancel')}
        </button>
        <button className="button primary" disabled={!ready}>
          {t('message.save')}
        </button>
      </div>
    </form>
  )
}

import { SendHorizontal } from 'lucide-react'
import { type ChangeEvent, type KeyboardEvent, useEffect, useId, useLayoutEffect, useRef, useState } from 'react'
import { formatNumber, t } from '../../i18n'
import type { RoomView } from '../../protocol/types'
import { draft, send, setDraft, stopTyping, typing } from '../../store/actions'
import { lastOwn, startEdit, useMarks } from '../../store/marks'
import { nameOf, titleOf } from '../../store/select'
import { useChat } from '../../store/store'
import { EmojiButton } from '../emoji/EmojiButton'
import { taken, type Upload, useUploads } from '../../store/uploads'
import { useMedia } from '../kit/hooks'
import { Attach, Uploads } from './Uploads'
import { useCompletion } from './useCompletion'

const encoder = new TextEncoder()
const none: Upload[] = []

/** Where one writes. What is written stays with the room until it is sent. */
export function Composer({ room }: { room: RoomView }) {
  const [text, setText] = useState(() => draft(room.id))
  const title = useChat((s) => titleOf(s, room))
  const limit = useChat((s) => s.limits.message)
  const touch = useMedia('(pointer: coarse)')
  const area = useRef<HTMLTextAreaElement>(null)
  const caret = useRef<number | null>(null) // where it goes once the text is in the field
  const id = useId()
  const size = text.length * 3 < limit ? 0 : encoder.encode(text).length
  const over = size - limit
  const uploads = useUploads((u) => u[room.id]) ?? none
  const waiting = uploads.some((u) => !u.file && !u.error)
  const ready = (text.trim() !== '' || uploads.some((u) => u.file)) && over <= 0 && !waiting

  useEffect(() => {
    if (!touch) area.current?.focus()
  }, [touch])
  useEffect(() => {
    // Who begins to write while nothing in particular has the focus means to write here.
    const keys = (e: globalThis.KeyboardEvent) => {
      const { activeElement } = document
      const nowhere = activeElement === document.body || activeElement?.classList.contains('timeline')
      if (nowhere && e.key.length === 1 && !' ?'.includes(e.key) && !e.ctrlKey && !e.metaKey && !e.altKey) area.current?.focus()
    }
    window.addEventListener('keydown', keys)
    return () => window.removeEventListener('keydown', keys)
  }, [])
  useLayoutEffect(() => {
    const a = area.current!
    a.style.height = 'auto'
    a.style.height = `${Math.min(a.scrollHeight, window.innerHeight * 0.4)}px`
  }, [text])

  const write = (value: string) => {
    setText(value)
    setDraft(room.id, value)
    if (value.trim() !== '') typing(room.id)
  }
  /** Puts something in the place of a stretch of the text, and the caret behind it. */
  const replace = (from: number, to: number, by: string) => {
    const { value } = area.current!
    write(value.slice(0, from) + by + value.slice(to))
    caret.current = from + by.length
  }
  const wanted = useMarks((m) => (m.insert?.room === room.id ? m.insert : null))
  useEffect(() => {
    if (!wanted) return
    useMarks.setState({ insert: null })
    const a = area.current!
    const space = a.selectionStart > 0 && !/\s/.test(a.value[a.selectionStart - 1]!) ? ' ' : ''
    replace(a.selectionStart, a.selectionEnd, space + wanted.text)
  }, [wanted])
  const completion = useCompletion(room.id, area, text, replace)
  useLayoutEffect(() => {
    if (caret.current === null) return
    area.current!.setSelectionRange(caret.current, caret.current)
    caret.current = null
  }, [text])
  useEffect(completion.look, [text])

  const change = (e: ChangeEvent<HTMLTextAreaElement>) => {
    write(e.target.value)
    completion.ended(e.target.value, e.target.selectionStart)
  }
  const insert = (emoji: string | null) => {
    const a = area.current!
    a.focus()
    if (emoji) replace(a.selectionStart, a.selectionEnd, emoji)
  }
  const submit = () => {
    if (!ready) return
    send(room.id, text.trim().replace(/\r\n?/g, '\n'), taken(room.id))
    setText('')
    setDraft(room.id, '')
    stopTyping()
    area.current?.focus()
  }
  const key = (e: KeyboardEvent) => {
    // While an input method is composing, Enter chooses a word.
    if (e.nativeEvent.isComposing || e.keyCode === 229) return
    if (!e.shiftKey && !e.ctrlKey && !e.metaKey && !e.altKey && completion.key(e.key)) return e.preventDefault()
    if (e.key === 'ArrowUp' && text === '' && !e.altKey && !e.ctrlKey && !e.metaKey && !e.shiftKey) {
      const own = lastOwn(room.id)
      if (!own) return
      e.preventDefault()
      return startEdit(own)
    }
    if (e.key === 'PageUp' || e.key === 'PageDown') {
      // Reading back without leaving the field.
      const box = document.querySelector('.timeline')
      box?.scrollBy(0, box.clientHeight * (e.key === 'PageUp' ? -0.85 : 0.85))
      return e.preventDefault()
    }
    if (e.key !== 'Enter') return
    if (e.shiftKey || touch) return
    e.preventDefault()
    submit()
  }
  const { found } = completion
  return (
    <form
      className="composer"
      onSubmit={(e) => {
        e.preventDefault()
        submit()
      }}
    >
      {found.length > 0 && (
        <ul id={`${id}-list`} role="listbox" aria-label={t(found[0]!.sign === '@' ? 'call.offers' : 'emoji.offers')} className="completion">
          {found.map((e, i) => (
            <li
              key={e.key}
              id={`${id}-${i}`}
              role="option"
              aria-selected={i === completion.at}
              onMouseDown={(m) => (m.preventDefault(), completion.pick(e))}
              onMouseMove={() => completion.setAt(i)}
            >
              <span aria-hidden="true">{e.sign}</span>
              <span>{e.text}</span>
              <small>{e.hint}</small>
            </li>
          ))}
        </ul>
      )}
      <Uploads room={room.id} />
      <div className="composer-box">
        <Attach room={room.id} area={area} />
        <textarea
          ref={area}
          rows={1}
          dir="auto"
          value={text}
          placeholder={room.kind === 'thread' ? t('thread.placeholder') : t('composer.placeholder', { room: room.kind === 'public' ? `#${title}` : title })}
          aria-label={t('composer.label', { room: title })}
          aria-invalid={over > 0 ? true : undefined}
          aria-autocomplete="list"
          aria-controls={found.length > 0 ? `${id}-list` : undefined}
          aria-activedescendant={found.length > 0 ? `${id}-${completion.at}` : undefined}
          onChange={change}
          onSelect={completion.look}
          onBlur={completion.close}
          onKeyDown={key}
          enterKeyHint={touch ? 'enter' : 'send'}
        />
        <EmojiButton onDone={insert} />
        <button className="send" disabled={!ready} aria-label={t('composer.send')}>
          <SendHorizontal size={18} className="flip" />
        </button>
      </div>
      <div className="composer-foot">
        <Typing room={room.id} />
        {size > limit * 0.8 && (
          <span className={over > 0 ? 'size over' : 'size'} role="status">
            {t(over > 0 ? 'composer.tooLong' : 'composer.left', { count: Math.abs(over), number: formatNumber(Math.abs(over)) })}
          </span>
        )}
      </div>
    </form>
  )
}

function Typing({ room }: { room: string }) {
  const line = useChat((s) => {
    const names = Object.keys(s.typing[room] ?? {}).map((id) => nameOf(s, id))
    if (names.length === 0) return ''
    if (names.length === 1) return t('typing.one', { a: names[0]! })
    if (names.length === 2) return t('typing.two', { a: names[0]!, b: names[1]! })
    return t('typing.many')
  })
  return (
    <span className="typing" aria-live="polite">
      {line && (
        <>
          <span className="typing-dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {line}
        </>
      )}
    </span>
  )
}

import { SendHorizontal } from 'lucide-react'
import { type ChangeEvent, type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { formatNumber, t } from '../../i18n'
import type { RoomView } from '../../protocol/types'
import { draft, send, setDraft, stopTyping, typing } from '../../store/actions'
import { nameOf, titleOf } from '../../store/select'
import { useChat } from '../../store/store'
import { useMedia } from '../kit/hooks'

const encoder = new TextEncoder()

/** Where one writes. What is written stays with the room until it is sent. */
export function Composer({ room }: { room: RoomView }) {
  const [text, setText] = useState(() => draft(room.id))
  const title = useChat((s) => titleOf(s, room))
  const limit = useChat((s) => s.limits.message)
  const touch = useMedia('(pointer: coarse)')
  const area = useRef<HTMLTextAreaElement>(null)
  const size = text.length * 3 < limit ? 0 : encoder.encode(text).length
  const over = size - limit
  const ready = text.trim() !== '' && over <= 0

  useEffect(() => {
    if (!touch) area.current?.focus()
  }, [touch])
  useEffect(() => {
    // Who begins to write while nothing in particular has the focus means to write here.
    const keys = (e: globalThis.KeyboardEvent) => {
      const { activeElement } = document
      const nowhere = activeElement === document.body || activeElement?.classList.contains('timeline')
      if (nowhere && e.key.length === 1 && e.key !== ' ' && !e.ctrlKey && !e.metaKey && !e.altKey) area.current?.focus()
    }
    window.addEventListener('keydown', keys)
    return () => window.removeEventListener('keydown', keys)
  }, [])
  useLayoutEffect(() => {
    const a = area.current!
    a.style.height = 'auto'
    a.style.height = `${Math.min(a.scrollHeight, window.innerHeight * 0.4)}px`
  }, [text])

  const change = (e: ChangeEvent<HTMLTextAreaElement>) => {
    setText(e.target.value)
    setDraft(room.id, e.target.value)
    if (e.target.value.trim() !== '') typing(room.id)
  }
  const submit = () => {
    if (!ready) return
    send(room.id, text.trim().replace(/\r\n?/g, '\n'))
    setText('')
    setDraft(room.id, '')
    stopTyping()
    area.current?.focus()
  }
  const key = (e: KeyboardEvent) => {
    // While an input method is composing, Enter chooses a word.
    if (e.key !== 'Enter' || e.nativeEvent.isComposing || e.keyCode === 229) return
    if (e.shiftKey || touch) return
    e.preventDefault()
    submit()
  }
  return (
    <form
      className="composer"
      onSubmit={(e) => {
        e.preventDefault()
        submit()
      }}
    >
      <div className="composer-box">
        <textarea
          ref={area}
          rows={1}
          dir="auto"
          value={text}
          placeholder={t('composer.placeholder', { room: room.kind === 'public' ? `#${title}` : title })}
          aria-label={t('composer.label', { room: title })}
          aria-invalid={over > 0 ? true : undefined}
          onChange={change}
          onKeyDown={key}
          enterKeyHint={touch ? 'enter' : 'send'}
        />
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

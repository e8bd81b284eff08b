import { CaseSensitive, Clock, Mic, SendHorizontal } from 'lucide-react'
import { type ChangeEvent, type ClipboardEvent, type KeyboardEvent, useEffect, useId, useLayoutEffect, useRef, useState } from 'react'
import { formatList, formatNumber, t } from '../../i18n'
import type { RoomView } from '../../protocol/types'
import { addMember, draft, send, setDraft, storedDraft, stopTyping, typing } from '../../store/actions'
import { choose, enterSends, useChoices } from '../../store/choices'
import { lastOwn, startEdit, useMarks } from '../../store/marks'
import { homeOf } from '../../store/gate'
import { lookUp } from '../../store/profiles'
import { mayModerate, nameOf, titleOf } from '../../store/select'
import { toast, useApp, useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { EmojiButton } from '../emoji/EmojiButton'
import { explain } from '../../protocol/error'
import { mostUploads, taken, type Upload, upload, useUploads } from '../../store/uploads'
import { readText } from '../commands/read'
import { type Command, commands, possible, Refusal } from '../commands/table'
import { useMedia } from '../kit/hooks'
import { SlowNote, SlowSend } from './Slow'
import { Attach, Uploads } from './Uploads'
import { FormatBar } from './FormatBar'
import { charactersOver } from './length'
import { type Format, formatOf, formats } from './marks'
import { Offers } from './Offers'
import { copied, meansText, pasteText } from './paste'
import { mayRecord, RecorderPart } from './RecorderPart'
import { outsiders, useCompletion } from './useCompletion'
import { useGate } from './useGate'

const none: Upload[] = []

/** What there is to say about what was written; unknown: it looks like a command, but may be meant as it is. */
interface Note {
  text: string
  unknown?: boolean
  /** What was pasted with it as a picture. */
  pictures?: File[]
  /** People who were named but are not in the room. */
  outside?: string[]
}

/** Where one writes. What is written stays with the room until it is sent. */
export function Composer({ room }: { room: RoomView }) {
  const [text, setText] = useState(() => draft(room.id))
  const title = useChat((s) => titleOf(s, room))
  const limit = useChat((s) => s.limits.message)
  const touch = useMedia('(pointer: coarse)')
  const area = useRef<HTMLTextAreaElement>(null)
  const [note, setNote] = useState<Note | null>(null)
  const busy = useRef(false)
  const caret = useRef<[number, number] | null>(null) // where it goes once the text is in the field
  const id = useId()
  const over = charactersOver(text, limit)
  const nearLimit = over > 0 || -over * 5 < Array.from(text).length
  const home = useChat((s) => homeOf(s, room))
  const moderates = useChat((s) => mayModerate(s, home))
  const takesFiles = useApp((a) => (a.chat?.limits.file ?? 0) > 0)
  const uploads = useUploads((u) => u[room.id]) ?? none
  const waiting = uploads.some((u) => !u.file && !u.error)
  const { bar = false, enterBreaks = false } = useChoices()
  const gate = useGate(room)
  const slow = gate.kind === 'slow' ? gate.until : null
  const ready = (text.trim() !== '' || uploads.some((u) => !u.error)) && over <= 0
  const [recording, setRecording] = useState(false)
  const [queued, setQueued] = useState(false) // sent as soon as its files are on the server

  useEffect(() => {
    if (!touch) area.current?.focus()
  }, [touch])
  useEffect(() => {
    // Who begins to write while nothing in particular has the focus means to
    // write here, and so does who pastes while no other field has it.
    const keys = (e: globalThis.KeyboardEvent) => {
      const { activeElement } = document
      const nowhere = activeElement === document.body || activeElement?.classList.contains('timeline')
      const pastes = (e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'v' && !activeElement?.closest('input, textarea, select, [role=dialog], dialog')
      if (!e.altKey && (pastes || (nowhere && e.key.length === 1 && !' ?'.includes(e.key) && !e.ctrlKey && !e.metaKey))) area.current?.focus()
    }
    window.addEventListener('keydown', keys)
    return () => window.removeEventListener('keydown', keys)
  }, [])
  useEffect(() => {
    // Written in another tab meanwhile: the newest keystroke counts.
    const elsewhere = () => {
      const kept = storedDraft(room.id)
      if (document.activeElement === area.current || kept === area.current?.value) return
      setText(kept)
      setDraft(room.id, kept)
    }
    window.addEventListener('storage', elsewhere)
    return () => window.removeEventListener('storage', elsewhere)
  }, [room.id])
  useEffect(
    () =>
      useApp.subscribe((now, before) => {
        // Written on another device. Blanks alone are no draft.
        const kept = now.drafts[room.id] ?? ''
        const { value } = area.current!
        if (now.drafts[room.id] !== before.drafts[room.id] && kept !== value && (kept || value.trim())) setText(kept)
      }),
    [room.id],
  )
  useLayoutEffect(() => {
    const a = area.current!
    a.style.height = 'auto'
    a.style.height = `${Math.min(a.scrollHeight, window.innerHeight * 0.4)}px`
  }, [text])

  const write = (value: string) => {
    setText(value)
    setDraft(room.id, value)
    setNote(null)
    setQueued(false)
    if (value.trim() !== '' && !value.startsWith('/')) typing(room.id)
  }
  /** Puts something in the place of a stretch of the text, and the caret behind it. */
  const replace = (from: number, to: number, by: string) => {
    const { value } = area.current!
    write(value.slice(0, from) + by + value.slice(to))
    caret.current = [from + by.length, from + by.length]
  }
  const wanted = useMarks((m) => (m.insert?.room === room.id ? m.insert : null))
  useEffect(() => {
    if (!wanted) return
    useMarks.setState({ insert: null })
    const a = area.current!
    const inLine = a.selectionStart > 0 && !(wanted.line ? /\n/ : /\s/).test(a.value[a.selectionStart - 1]!)
    replace(a.selectionStart, a.selectionEnd, (inLine ? (wanted.line ? '\n' : ' ') : '') + wanted.text)
    a.focus()
  }, [wanted])
  const completion = useCompletion(room.id, area, text, replace)
  useLayoutEffect(() => {
    if (caret.current === null) return
    area.current!.setSelectionRange(...caret.current)
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
  const empty = () => {
    setText('')
    setDraft(room.id, '')
    setNote(null)
    stopTyping()
    area.current?.focus()
  }
  const say = (what: string) => void send(room.id, what, taken(room.id))
  /** Sends what was written, or does what it says. As it is: even if it looks like a command. */
  const submit = (asItIs = false) => {
    if (!ready || busy.current) return
    const whole = text.trim()
    const read = asItIs ? { send: whole } : readText(whole, (name) => commands.some((c) => c.name === name))
    if ('unknown' in read) {
      if (note?.unknown) return submit(true)
      return setNote({ text: t('command.unknown', { name: read.unknown }), unknown: true })
    }
    if ('name' in read) return void run(commands.find((c) => c.name === read.name)!, read.rest)
    if (slow !== null) return // it stays; commands are not messages
    if (waiting) {
      setQueued(true)
      return setNote({ text: t('composer.queued', { name: uploads.find((u) => !u.file && !u.error)!.name }) })
    }
    say(read.send)
    empty()
    const outside = outsiders(room.id, read.send)
    if (outside.length > 0) setNote({ text: t('call.notNotified', { count: outside.length, names: formatList(outside.map((id) => nameOf(useApp.getState().chat!, id))) }), outside })
  }
  useEffect(() => {
    if (queued && !waiting) {
      setQueued(false)
      submit()
    }
  }, [queued, waiting])
  const add = async (people: string[]) => {
    try {
      for (const user of people) await addMember(home.id, user)
      toast(t('add.done', { count: people.length }))
    } catch (err) {
      setNote({ text: explain(err) })
    }
  }
  const run = async (command: Command, rest: string) => {
    const { chat } = useApp.getState()
    if (!chat || busy.current) return
    if (!possible(chat, room).includes(command)) return setNote({ text: t('command.notHere', { name: command.name }) })
    const before = text
    busy.current = true
    empty() // first, for it may lead elsewhere
    try {
      if (/person|people/i.test(command.args ?? '')) await lookUp(rest)
      await command.run({ chat: useApp.getState().chat ?? chat, room, rest, say })
    } catch (err) {
      if (!draft(room.id)) {
        setText(before)
        setDraft(room.id, before)
      }
      setNote({ text: err instanceof Refusal ? err.message : explain(err) })
    } finally {
      busy.current = false
    }
  }
  const format = (f: Format) => {
    const a = area.current!
    const marked = formats[f]({ text: a.value, from: a.selectionStart, to: a.selectionEnd })
    caret.current = [marked.from, marked.to]
    write(marked.text)
    a.focus()
  }
  /** Makes a file of a text that is too long for a message. It stays where it is until the file is on the server. */
  const asFile = () => {
    upload(room.id, [new File([text], `${t('composer.fileName')}.txt`, { type: 'text/plain' })])
    setFiled({ id: useUploads.getState()[room.id]!.at(-1)!.id, text })
  }
  const [filed, setFiled] = useState<{ id: string; text: string } | null>(null)
  useEffect(() => {
    const file = filed && uploads.find((u) => u.id === filed.id)
    if (!filed || (file && !file.file && !file.error)) return
    setFiled(null)
    if (file?.file && area.current?.value === filed.text) empty()
  }, [filed, uploads])
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
    const asked = formatOf(e)
    if (asked) {
      format(asked)
      return e.preventDefault()
    }
    if (e.key === 'PageUp' || e.key === 'PageDown') {
      // Reading back without leaving the field.
      const box = document.querySelector('.timeline')
      box?.scrollBy(0, box.clientHeight * (e.key === 'PageUp' ? -0.85 : 0.85))
      return e.preventDefault()
    }
    if (e.key !== 'Enter' || !enterSends(e, touch)) return
    e.preventDefault()
    submit()
  }
  const paste = (e: ClipboardEvent<HTMLTextAreaElement>) => {
    const files = takesFiles ? [...e.clipboardData.files] : []
    if (files.length > 0 && !meansText({ ...copied(e.clipboardData), files })) {
      e.preventDefault()
      return upload(room.id, files)
    }
    pasteText(e, replace)
    if (files.length > 0) setNote({ text: t('upload.pastedText'), pictures: files })
  }
  const recorded = (about?: string) => {
    setRecording(false)
    if (about) setNote({ text: about })
    area.current?.focus()
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
      <Offers id={id} completion={completion} />
      {note && (
        <p className="composer-note" role="alert">
          <span>{note.text}</span>
          {note.unknown && (
            <button type="button" className="link" onClick={() => submit(true)}>
              {t('command.sendAsIs')}
            </button>
          )}
          {note.outside && moderates && (
            <button type="button" className="link" onClick={() => (setNote(null), void add(note.outside!), area.current?.focus())}>
              {t('add.add')}
            </button>
          )}
          {note.pictures && (
            <button type="button" className="link" onClick={() => (setNote(null), upload(room.id, note.pictures!), area.current?.focus())}>
              {t('upload.asPicture')}
            </button>
          )}
        </p>
      )}
      <Uploads room={room.id} />
      {recording && <RecorderPart room={room.id} onClose={recorded} />}
      {bar && <FormatBar onFormat={format} />}
      <div className="composer-box">
        <Attach room={room.id} area={area} />
        <textarea
          ref={area}
          rows={1}
          dir={text ? 'auto' : undefined} // what stands there while it is empty is in the page's language
          value={text}
          placeholder={room.kind === 'thread' ? t('thread.placeholder') : t('composer.placeholder', { room: `\u2068${room.kind === 'public' ? '#' : ''}${title}\u2069` })}
          aria-label={t('composer.label', { room: title })}
          aria-invalid={over > 0 ? true : undefined}
          aria-autocomplete="list"
          aria-controls={found.length > 0 ? `${id}-list` : undefined}
          aria-activedescendant={found.length > 0 ? `${id}-${completion.at}` : undefined}
          onChange={change}
          onSelect={completion.look}
          onBlur={completion.close}
          onKeyDown={key}
          onPaste={paste}
          enterKeyHint={touch || enterBreaks ? 'enter' : 'send'}
        />
        <button
          type="button"
          className="icon-button"
          aria-label={t('format.bar')}
          title={t('format.bar')}
          aria-pressed={bar}
          onMouseDown={(e) => e.preventDefault()}
          onClick={() => choose({ bar: !bar })}
        >
          <CaseSensitive size={20} />
        </button>
        <EmojiButton onDone={insert} />
        {text.trim() === '' && takesFiles && mayRecord() && (
          <button
            type="button"
            className="icon-button"
            aria-label={t('voice.record')}
            title={t('voice.record')}
            disabled={recording || uploads.length >= mostUploads}
            onClick={() => (setNote(null), setRecording(true))}
          >
            <Mic size={18} />
          </button>
        )}
        {room.kind !== 'thread' && text.trim() !== '' && !waiting && (
          <button type="button" className="icon-button" aria-label={t('later.send')} onClick={() => openDialog({ kind: 'send-later', room: room.id, text: text.trim(), done: empty })}>
            <Clock size={18} />
          </button>
        )}
        {slow === null ? (
          <button className="send" disabled={!ready} aria-label={t('composer.send')}>
            <SendHorizontal size={18} className="flip" />
          </button>
        ) : (
          <SlowSend until={slow} />
        )}
      </div>
      <div className="composer-foot">
        <Typing room={room.id} />
        <SlowNote room={room} waiting={slow !== null} />
        {over > 0 && takesFiles && (
          <button type="button" className="link" disabled={filed !== null} onClick={asFile}>
            {t('composer.asFile')}
          </button>
        )}
        {nearLimit && (
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

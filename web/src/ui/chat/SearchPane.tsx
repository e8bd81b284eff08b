import { Search as SearchIcon, X } from 'lucide-react'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Message } from '../../protocol/types'
import { call } from '../../store/actions'
import { goTo, openThread, useMarks } from '../../store/marks'
import { parseSearch } from '../../store/search'
import { nameOf, titleOf } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { clockTime, dateWithYear, fullTime } from '../kit/time'
import { Text } from '../timeline/Text'

interface Found {
  asked: string
  messages: Message[]
  next?: string
  until?: string
}

/** Finds messages in all of one's rooms. */
export function SearchPane() {
  const room = useApp((a) => a.room)
  const title = useChat((s) => (room && s.rooms[room] ? titleOf(s, s.rooms[room]!) : ''))
  const [text, setText] = useState('')
  const [found, setFound] = useState<Found | null>(null)
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.focus(), [])
  const query = useMarks((m) => m.query)
  useEffect(() => {
    if (!query) return
    useMarks.setState({ query: '' })
    setText(query)
    void run(query)
  }, [query])

  const run = async (asked: string, cursor?: string) => {
    const { chat } = useApp.getState()
    const parsed = parseSearch(chat!, asked)
    if ('unknown' in parsed) return setFault(t('search.unknown', { filter: parsed.unknown }))
    setBusy(true)
    setFault('')
    try {
      const page = await call('message.search', { ...parsed.search, ...(cursor ? { cursor } : {}) })
      setFound((f) => ({ asked, messages: cursor && f ? [...f.messages, ...page.messages] : page.messages, next: page.next, until: page.until }))
    } catch (err) {
      setFault(explain(err))
    } finally {
      setBusy(false)
    }
  }
  const submit = (e: FormEvent) => {
    e.preventDefault()
    if (text.trim()) void run(text.trim())
  }
  const close = () => useMarks.setState({ searching: false })
  return (
    <aside className="thread search-pane" aria-label={t('search.title')}>
      <header className="thread-head">
        <h2>{t('search.title')}</h2>
        <button className="icon-button" aria-label={t('search.close')} onClick={close}>
          <X size={18} />
        </button>
      </header>
      <form className="search-form" role="search" onSubmit={submit}>
        <SearchIcon size={16} aria-hidden />
        <input ref={field} type="search" value={text} placeholder={t('search.placeholder')} aria-label={t('search.label')} onChange={(e) => setText(e.target.value)} />
      </form>
      <div className="search-found" aria-live="polite" aria-busy={busy}>
        {fault && (
          <p className="fault" role="alert">
            {fault}
          </p>
        )}
        {!found && !fault && (
          <dl className="search-help">
            {(
              [
                ['from:Mary', 'search.from'],
                [`in:${/\s/.test(title) ? `"${title}"` : title || 'General'}`, 'search.in'],
                ['has:file', 'search.has'],
                ['before:2026-03-01', 'search.before'],
              ] as const
            ).map(([sample, what]) => (
              <div key={what}>
                <dt>
                  <button className="link" onClick={() => (setText(`${text}${text && ' '}${sample} `), field.current?.focus())}>
                    {sample}
                  </button>
                </dt>
                <dd>{t(what)}</dd>
              </div>
            ))}
          </dl>
        )}
        {found && (
          <ul>
            {found.messages.map((m) => (
              <Hit key={`${m.room}/${m.no}`} message={m} />
            ))}
          </ul>
        )}
        {found?.messages.length === 0 && !busy && (
          <p className="list-empty">{found.next ? t('search.noneSince', { date: dateWithYear(found.until!) }) : t('search.none')}</p>
        )}
        {found?.next && (
          <button className="button" disabled={busy} onClick={() => void run(found.asked, found.next)}>
            {t('search.more')}
          </button>
        )}
      </div>
    </aside>
  )
}

function Hit({ message }: { message: Message }) {
  const name = useChat((s) => nameOf(s, message.from))
  const room = useChat((s) => s.rooms[message.room])
  const title = useChat((s) => (room ? titleOf(s, room) : ''))
  const go = async () => {
    if (room?.kind === 'thread') {
      const root = { room: room.parent!, no: room.root! }
      goTo(root)
      await openThread(root)
      useMarks.setState({ goal: { room: message.room, no: message.no } })
    } else goTo(message)
  }
  return (
    <li className="hit">
      <button onClick={() => void go()}>
        <span className="hit-head">
          <bdi>{name}</bdi>
          <small>
            <bdi>{title}</bdi> · <time dateTime={message.at} title={fullTime(message.at)}>{`${dateWithYear(message.at)}, ${clockTime(message.at)}`}</time>
          </small>
        </span>
      </button>
      <Text mentions={message.mentions} text={message.text || (message.files ?? []).map((f) => f.name).join(', ')} />
    </li>
  )
}

import { Search as SearchIcon, X } from 'lucide-react'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Message } from '../../protocol/types'
import { call } from '../../store/actions'
import { goToRoom, useMarks } from '../../store/marks'
import { useLookUp } from '../../store/profiles'
import { complete, filterOffers, parseSearch, personTyped } from '../../store/search'
import { useSearched } from '../../store/searched'
import { nameOf, titleOf } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { clockTime, dateWithYear, fullTime } from '../kit/time'
import { Text } from '../timeline/Text'
import { markFound, wordsOf } from './found'

/** Finds messages in all of one's rooms. */
export function SearchPane() {
  const room = useApp((a) => a.room)
  const title = useChat((s) => (room && s.rooms[room] ? titleOf(s, s.rooms[room]!) : ''))
  const { text, found } = useSearched()
  const setText = (to: string) => useSearched.setState({ text: to })
  const list = useRef<HTMLDivElement>(null)
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
    if ('unknown' in parsed) return setFault(unknown(parsed.unknown))
    setBusy(true)
    setFault('')
    try {
      const page = await call('message.search', { ...parsed.search, ...(cursor ? { cursor } : {}) })
      useSearched.setState(({ found: f }) => ({ found: { asked, messages: cursor && f ? [...f.messages, ...page.messages] : page.messages, next: page.next, until: page.until } }))
    } catch (err) {
      setFault(explain(err))
    } finally {
      setBusy(false)
    }
  }
  useEffect(() => {
    if (found && list.current) markFound(list.current, wordsOf(found.asked))
  }, [found])
  useLookUp(personTyped(text))
  const offers = useChat((s) => filterOffers(s, text).join('\n'))
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
      {offers && (
        <ul className="search-offers" aria-label={t('search.offers')}>
          {offers.split('\n').map((offer) => (
            <li key={offer}>
              <button type="button" onClick={() => (setText(complete(text, offer)), field.current?.focus())}>
                {offer}
              </button>
            </li>
          ))}
        </ul>
      )}
      <div ref={list} className="search-found" aria-live="polite" aria-busy={busy}>
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

/** What is wrong with a filter. */
function unknown(filter: string): string {
  const [, name, value] = /^(\w+):"?([^"]*)/.exec(filter) ?? []
  if (name?.toLowerCase() === 'from') return t('search.noPerson', { name: value!.replace(/^@/, '') })
  if (name?.toLowerCase() === 'in') return t('search.noRoom', { name: value!.replace(/^[#@]/, '') })
  return t('search.unknown', { filter })
}

function Hit({ message }: { message: Message }) {
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
      <Text mentions={message.mentions} text={message.text || (message.files ?? []).map((f) => f.name).join(', ')} />
    </li>
  )
}

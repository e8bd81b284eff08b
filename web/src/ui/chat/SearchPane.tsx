import { Search as SearchIcon, X } from 'lucide-react'
import { type FormEvent, type KeyboardEvent, type UIEvent, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { SearchOrder } from '../../protocol/types'
import { call } from '../../store/actions'
import { useMarks } from '../../store/marks'
import { useLookUp } from '../../store/profiles'
import { complete, filterOffers, filtersOf, parseSearch, personTyped, withoutFilter, written } from '../../store/search'
import { type Found, scrolled, useSearched } from '../../store/searched'
import { nameOf, titleOf } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { dateWithYear } from '../kit/time'
import { Hit } from './Hit'

/** Finds messages in all of one's rooms. */
export function SearchPane() {
  const { text, order, found } = useSearched()
  const setText = (to: string) => useSearched.setState({ text: to })
  const list = useRef<HTMLDivElement>(null)
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.focus(), [])
  useLayoutEffect(() => {
    if (list.current) list.current.scrollTop = scrolled.top
  }, [])
  const query = useMarks((m) => m.query)
  useEffect(() => {
    if (!query) return
    useMarks.setState({ query: '' })
    setText(query)
    void run(query)
  }, [query])

  const run = async (asked: string, more?: Found) => {
    const { chat } = useApp.getState()
    const parsed = parseSearch(chat!, asked)
    if ('unknown' in parsed) return setFault(unknown(parsed.unknown))
    setBusy(true)
    setFault('')
    try {
      const { order } = useSearched.getState()
      const page = await call('message.search', {
        ...parsed.search,
        ...(more?.corrected ? { q: more.corrected } : {}),
        order,
        ...(more ? { cursor: more.next } : { counts: true }),
      })
      const hits = page.messages.map((message, i) => ({ message, excerpt: page.excerpts[i]! }))
      const known = new Set(more?.hits.map((h) => h.message.id))
      const { next, until, built } = page
      useSearched.setState({
        found: more ? { ...more, hits: [...more.hits, ...hits.filter((h) => !known.has(h.message.id))], next, until, built } : { asked, hits, next, until, built, corrected: page.corrected, counts: page.counts },
      })
      if (!more) list.current?.scrollTo({ top: 0 })
    } catch (err) {
      setFault(explain(err))
    } finally {
      setBusy(false)
    }
  }
  useLookUp(personTyped(text))
  const offers = useChat((s) => filterOffers(s, text).join('\n'))
  const submit = (e: FormEvent) => {
    e.preventDefault()
    if (text.trim()) void run(text.trim())
  }
  /** Changes the search, and makes it if there are results to be changed. */
  const change = (to: string) => {
    setText(to)
    if (to === '') useSearched.setState({ found: null })
    else if (found) void run(to)
  }
  const sort = (by: SearchOrder) => {
    useSearched.setState({ order: by })
    if (found) void run(found.asked)
  }
  const filters = filtersOf(text)
  const close = () => useMarks.setState({ searching: false })
  return (
    <aside className="thread search-pane" aria-label={t('search.title')} onKeyDown={walk}>
      <header className="thread-head">
        <h2>{t('search.title')}</h2>
        <button className="icon-button" aria-label={t('search.close')} onClick={close}>
          <X size={18} />
        </button>
      </header>
      <div className="search-asked">
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
        {filters.length > 0 && (
          <ul className="search-offers" aria-label={t('search.filters')}>
            {filters.map((filter) => (
              <li key={filter} className="chip">
                <bdi>{filter}</bdi>
                <button type="button" aria-label={t('search.remove', { filter })} onClick={() => (change(withoutFilter(text, filter)), field.current?.focus())}>
                  <X size={14} aria-hidden />
                </button>
              </li>
            ))}
          </ul>
        )}
        {found && <Order order={order} onChange={sort} />}
      </div>
      <div ref={list} className="search-found" aria-live="polite" aria-busy={busy} onScroll={(e: UIEvent<HTMLDivElement>) => void (scrolled.top = e.currentTarget.scrollTop)}>
        {fault && (
          <p className="fault" role="alert">
            {fault}
          </p>
        )}
        {found?.built !== undefined && <p className="search-note">{t('search.building', { percent: found.built })}</p>}
        {found?.corrected && <p className="search-note">{t('search.corrected', { text: found.corrected })}</p>}
        {!found && !fault && <Help onChoose={(sample) => (setText(`${text}${text && ' '}${sample} `), field.current?.focus())} />}
        {found?.counts && <Narrow found={found} onChoose={(filter) => change(`${found.asked} ${filter}`)} />}
        {found && (
          <ul>
            {found.hits.map((hit) => (
              <Hit key={hit.message.id} {...hit} />
            ))}
          </ul>
        )}
        {found?.hits.length === 0 && !busy && (
          <p className="list-empty">{found.next && found.until ? t('search.noneSince', { date: dateWithYear(found.until) }) : t('search.none')}</p>
        )}
        {found?.next && (
          <button className="button" disabled={busy} onClick={() => void run(found.asked, found)}>
            {t(found.until ? 'search.more' : 'search.moreResults')}
          </button>
        )}
      </div>
    </aside>
  )
}

/** Leads from the field to the results and among them, by the arrow keys. */
function walk(e: KeyboardEvent<HTMLElement>) {
  if ((e.key !== 'ArrowDown' && e.key !== 'ArrowUp') || e.ctrlKey || e.metaKey || e.altKey) return
  const stops = [...e.currentTarget.querySelectorAll<HTMLElement>('input[type=search], .hit > button')]
  const at = stops.indexOf(e.target as HTMLElement)
  const next = stops[at + (e.key === 'ArrowDown' ? 1 : -1)]
  if (at < 0 || !next) return
  e.preventDefault()
  next.focus()
}

function Order({ order, onChange }: { order: SearchOrder; onChange: (to: SearchOrder) => void }) {
  return (
    <div className="search-order" role="group" aria-label={t('search.order')}>
      {(['newest', 'relevance'] as const).map((by) => (
        <button key={by} type="button" aria-pressed={order === by} onClick={() => onChange(by)}>
          {t(`search.${by}`)}
        </button>
      ))}
    </div>
  )
}

/** Where the results are, to look only there. */
function Narrow({ found, onChoose }: { found: Found; onChoose: (filter: string) => void }) {
  const { rooms, people } = found.counts!
  const has = (name: string) => filtersOf(found.asked).some((f) => f.toLowerCase().startsWith(`${name}:`))
  // As one text, so that it stays the same while the names do.
  const lines = useChat((s) =>
    [
      ...(rooms.length > 1 && !has('in') ? rooms.map((r) => ['in', s.rooms[r.room] ? titleOf(s, s.rooms[r.room]!) : '', r.count]) : []),
      ...(people.length > 1 && !has('from') ? people.map((p) => ['from', nameOf(s, p.user), p.count]) : []),
    ]
      .filter(([, name]) => name)
      .map((line) => line.join('\n'))
      .join('\0'),
  )
  if (!lines) return null
  return (
    <ul className="search-offers search-narrow" aria-label={t('search.narrow')}>
      {lines.split('\0').map((line) => {
        const [filter, name, count] = line.split('\n')
        return (
          <li key={line}>
            <button type="button" onClick={() => onChoose(written(filter!, name!))}>
              <bdi>{`${filter}:${name}`}</bdi> <small>{count}</small>
            </button>
          </li>
        )
      })}
    </ul>
  )
}

/** What one can write, to be chosen. */
function Help({ onChoose }: { onChoose: (sample: string) => void }) {
  const room = useApp((a) => a.room)
  const title = useChat((s) => (room && s.rooms[room] ? titleOf(s, s.rooms[room]!) : ''))
  return (
    <dl className="search-help">
      {(
        [
          ['from:Mary', 'search.from'],
          [written('in', title || 'General'), 'search.in'],
          ['mentions:me', 'search.mentions'],
          ['has:file', 'search.has'],
          ['is:pinned', 'search.is'],
          ['before:2026-03-01', 'search.before'],
        ] as const
      ).map(([sample, what]) => (
        <div key={what}>
          <dt>
            <button className="link" onClick={() => onChoose(sample)}>
              {sample}
            </button>
          </dt>
          <dd>{t(what)}</dd>
        </div>
      ))}
    </dl>
  )
}

/** What is wrong with a filter. */
function unknown(filter: string): string {
  const [, name, value] = /^(\w+):"?([^"]*)/.exec(filter) ?? []
  if (/^(from|mentions)$/i.test(name ?? '')) return t('search.noPerson', { name: value!.replace(/^@/, '') })
  if (name?.toLowerCase() === 'in') return t('search.noRoom', { name: value!.replace(/^[#@]/, '') })
  return t('search.unknown', { filter })
}

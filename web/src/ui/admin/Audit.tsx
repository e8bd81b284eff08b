import { ScrollText } from 'lucide-react'
import { useEffect, useMemo, useRef, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { AuditEntry, Room } from '../../protocol/types'
import { call, directory } from '../../store/actions'
import { fit, listed, titleOf } from '../../store/select'
import { useChat } from '../../store/store'
import { useNow } from '../kit/hooks'
import { clockTime, dayName, fullTime } from '../kit/time'
import { Nothing } from './Nothing'
import { namesFrom, say } from './say'

const page = 50

/** What admins, moderators and the operator did, the newest first. */
export function Audit() {
  const chat = useChat((s) => s)
  const [others, setOthers] = useState<Room[]>([]) // rooms that one is not in have names too
  const [room, setRoom] = useState('')
  const [typed, setTyped] = useState('')
  const { entries, more, busy, fault, load } = useEntries(room)
  const now = useNow(60_000)
  useEffect(() => {
    directory().then(setOthers, () => {}) // without it, some rooms have no name here
  }, [])
  const rooms = useMemo(() => {
    const all = new Map(others.map((r) => [r.id, r.name ?? '']))
    for (const r of listed(chat)) all.set(r.id, titleOf(chat, r))
    return all
  }, [others, chat.rooms])
  const names = namesFrom(chat, rooms)
  const lines = (entries ?? []).map((e) => ({ e, text: say(e, names) })).filter(({ e, text }) => typed.trim() === '' || fit(`${text} ${e.reason ?? ''}`, typed) > 1)
  const choices = [...rooms].sort((a, b) => a[1].localeCompare(b[1]))
  return (
    <>
      <p className="dialog-text">{t('audit.text')}</p>
      <div className="admin-tools">
        <select aria-label={t('audit.room')} value={room} onChange={(e) => setRoom(e.target.value)}>
          <option value="">{t('audit.everywhere')}</option>
          {choices.map(([id, name]) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
        <input className="search" type="search" placeholder={t('audit.filter')} aria-label={t('audit.filter')} value={typed} onChange={(e) => setTyped(e.target.value)} />
      </div>
      {fault && (
        <p className="fault" role="alert">
          {fault}{' '}
          <button className="link" onClick={load}>
            {t('app.tryAgain')}
          </button>
        </p>
      )}
      {entries === null && !fault && (
        <p className="list-empty" role="status">
          {t('app.loading')}
        </p>
      )}
      {entries !== null && lines.length === 0 && <Nothing icon={<ScrollText size={28} />} text={t(entries.length ? 'audit.noneFits' : 'audit.none')} />}
      <ol className="audit">
        {lines.map(({ e, text }, i) => {
          const day = dayName(e.at, now)
          return (
            <li key={e.id}>
              {(i === 0 || dayName(lines[i - 1]!.e.at, now) !== day) && <h2 className="list-title">{day}</h2>}
              <div className="audit-line">
                <time dateTime={e.at} title={fullTime(e.at)}>
                  {clockTime(e.at)}
                </time>
                <div>
                  <p>{text}</p>
                  {e.reason && <p className="audit-reason">{t('audit.reason', { reason: e.reason })}</p>}
                </div>
              </div>
            </li>
          )
        })}
      </ol>
      {more && (
        <button className="button" disabled={busy} onClick={load}>
          {busy ? t('app.loading') : t('audit.more')}
        </button>
      )}
    </>
  )
}

/** The entries of one room, or of all, page after page. */
function useEntries(room: string) {
  const [entries, setEntries] = useState<AuditEntry[] | null>(null)
  const [next, setNext] = useState<string | undefined>()
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState('')
  const asked = useRef(0) // an answer to an earlier question is dropped
  const ask = async (after: string | undefined, before: AuditEntry[]) => {
    const turn = ++asked.current
    setBusy(true)
    setFault('')
    try {
      const got = await call('audit.list', { limit: page, ...(after ? { after } : {}), ...(room ? { room } : {}) })
      if (turn !== asked.current) return
      setEntries([...before, ...(got.entries ?? [])])
      setNext(got.next)
    } catch (err) {
      if (turn === asked.current) setFault(explain(err))
    } finally {
      if (turn === asked.current) setBusy(false)
    }
  }
  useEffect(() => {
    setEntries(null)
    setNext(undefined)
    void ask(undefined, [])
    return () => void asked.current++
  }, [room])
  return { entries, more: next !== undefined && next !== '', busy, fault, load: () => void ask(next, entries ?? []) }
}

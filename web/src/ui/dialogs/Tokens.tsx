import { useEffect, useRef, useState } from 'react'
import { isKey, type Key, t } from '../../i18n'
import { fullAt } from '../../protocol/base'
import { explain } from '../../protocol/error'
import type { Session, User } from '../../protocol/types'
import { call } from '../../store/actions'
import { titleOf } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'
import { useNow } from '../kit/hooks'
import { ago, dateWithYear } from '../kit/time'
import { Confirm } from './Confirm'
import { Once } from './Once'

const scopes: { value: string; label: Key; hint: Key }[] = [
  { value: 'read', label: 'scope.read', hint: 'tokens.read' },
  { value: 'send', label: 'scope.send', hint: 'tokens.send' },
  { value: 'manage', label: 'scope.manage', hint: 'tokens.manage' },
]
const lives: { days: number; label: Key }[] = [
  { days: 30, label: 'tokens.month' },
  { days: 365, label: 'tokens.year' },
  { days: 3650, label: 'tokens.decade' },
]

/** What programs may do with one's account, or with that of a bot. */
export function Tokens({ bot, onClose }: { bot?: User; onClose: () => void }) {
  const whose = bot ? { user: bot.id } : {}
  const [tokens, setTokens] = useState<Session[] | null>(null)
  const [made, setMade] = useState<{ session: Session; token: string } | null>(null)
  const [ending, setEnding] = useState<Session | null>(null)
  const [fault, setFault] = useState<string | null>(null)
  const title = useRef<HTMLHeadingElement>(null)
  const now = useNow(60_000)
  const refresh = () => call('token.list', whose).then((r) => setTokens(r.sessions), (err: unknown) => setFault(explain(err)))
  useEffect(() => void refresh(), [])
  useEffect(() => {
    // The button that asked for it may be gone with its token.
    if (!ending && document.activeElement === document.body) title.current?.focus()
  }, [ending])
  return (
    <>
      <Dialog title={bot ? t('tokens.of', { name: bot.name }) : t('account.tokens')} onClose={onClose} wide>
        <p className="dialog-text">{t(bot ? 'tokens.textBot' : 'tokens.text')}</p>
        {made ? (
          <Made {...made} onMore={() => setMade(null)} />
        ) : (
          <Create
            onCreate={async (input) => {
              setMade(await call('token.create', { ...input, ...whose }))
              await refresh()
            }}
          />
        )}
        <div role="alert">{fault && <p className="fault">{fault}</p>}</div>
        {tokens && (
          <h3 ref={title} tabIndex={-1} className="list-title">
            {t('tokens.list')}
          </h3>
        )}
        {tokens === null && !fault && <p className="list-empty">{t('app.loading')}</p>}
        {tokens?.length === 0 && <p className="list-empty">{t('tokens.none')}</p>}
        <ul className="lines">
          {tokens?.map((s) => (
            <li key={s.id}>
              <span className="lines-text" style={{ overflowWrap: 'anywhere' }}>
                <b>
                  <bdi>{s.name}</bdi>
                </b>
                <small>{s.scopes?.map(scopeName).join(', ')}</small>
                <small>{history(s, now)}</small>
              </span>
              <button className="button" aria-label={t('tokens.revokeOne', { name: s.name ?? '' })} onClick={() => setEnding(s)}>
                {t('tokens.revoke')}
              </button>
            </li>
          ))}
        </ul>
      </Dialog>
      {ending && (
        <Confirm
          title={t('tokens.revokeTitle', { name: ending.name ?? '' })}
          text={t('tokens.revokeText')}
          action={t('tokens.revoke')}
          danger
          run={async () => {
            await call('token.revoke', { token: ending.id, ...whose })
            if (made?.session.id === ending.id) setMade(null)
            await refresh()
          }}
          onClose={() => setEnding(null)}
        />
      )}
    </>
  )
}

function scopeName(scope: string): string {
  if (scope.startsWith('hook:')) return t('tokens.hook')
  const key = `scope.${scope}`
  return isKey(key) ? t(key) : scope
}

/** When it was made and used, and until when it is valid. A use in the first minutes is not recorded. */
function history(s: Session, now: number): string {
  const dates = { created: dateWithYear(s.created_at), until: dateWithYear(s.expires_at), ago: ago(s.seen_at, now) }
  if (s.seen_at !== s.created_at) return t('tokens.used', dates)
  return t(now - Date.parse(s.created_at) < 10 * 60_000 ? 'tokens.fresh' : 'tokens.unused', dates)
}

interface Input {
  name: string
  scopes: string[]
  days: number
}

function Create({ onCreate }: { onCreate: (input: Input) => Promise<void> }) {
  const limits = useChat((s) => s.limits)
  const [name, setName] = useState('')
  const [chosen, setChosen] = useState(['send'])
  const [days, setDays] = useState(365)
  const { busy, submit, at, elsewhere } = useSubmit(() => onCreate({ name, scopes: chosen, days }))
  const toggle = (scope: string, on: boolean) => setChosen(on ? [...chosen, scope] : chosen.filter((s) => s !== scope))
  return (
    <form onSubmit={submit}>
      <Field label={t('tokens.name')} value={name} maxLength={limits.name} required autoFocus autoComplete="off" hint={t('tokens.nameHint')}
        onChange={(e) => setName(e.target.value)} error={at('name')} />
      <fieldset className="choices">
        <legend>{t('tokens.may')}</legend>
        {scopes.map(({ value, label, hint }) => (
          <label key={value} className="choice">
            <input type="checkbox" checked={chosen.includes(value)} onChange={(e) => toggle(value, e.target.checked)} />
            <span>
              <b>{t(label)}</b>
              <small>{t(hint)}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <label className="field">
        <span>{t('invites.valid')}</span>
        <select value={days} onChange={(e) => setDays(Number(e.target.value))}>
          {lives.map((l) => (
            <option key={l.days} value={l.days}>
              {t(l.label)}
            </option>
          ))}
        </select>
      </label>
      <Fault text={elsewhere('name')} />
      <button className="button primary full" disabled={busy || name.trim() === '' || chosen.length === 0}>
        {t('tokens.create')}
      </button>
    </form>
  )
}

/** The new token, and what a program would do with it. */
function Made({ session, token, onMore }: { session: Session; token: string; onMore: () => void }) {
  const room = useApp((a) => a.room) ?? 'general'
  const name = useChat((s) => (s.rooms[room] ? titleOf(s, s.rooms[room]) : room))
  const may = (scope: string) => session.scopes?.includes(scope)
  return (
    <>
      <Once fresh value={token} label={t('tokens.token')} copy={t('tokens.copy')} hint={t('tokens.once')} />
      {may('send') ? (
        <Once value={curl(token, `/rooms/${encodeURIComponent(room)}/messages`, { text: t('tokens.hello') })} label={t('tokens.example')} copy={t('tokens.copyExample')} hint={t('tokens.exampleSend', { room: name })} />
      ) : (
        may('read') && <Once value={curl(token, '/rooms')} label={t('tokens.example')} copy={t('tokens.copyExample')} hint={t('tokens.exampleRead')} />
      )}
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onMore}>
          {t('tokens.another')}
        </button>
      </div>
    </>
  )
}

function curl(token: string, path: string, body?: object): string {
  const auth = `curl ${fullAt(`/api/v1${path}`)} -H 'Authorization: Bearer ${token}'`
  return body ? `${auth} -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'` : auth
}

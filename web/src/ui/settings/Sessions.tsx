import { useEffect, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Session } from '../../protocol/types'
import { call, follow } from '../../store/actions'
import { useNow } from '../kit/hooks'
import { ago } from '../kit/time'

/** A browser's self-description in a few words. */
export function deviceName(agent: string | undefined): string {
  if (!agent) return t('sessions.unknown')
  const find = (table: [RegExp, string][]) => table.find(([re]) => re.test(agent))?.[1]
  const browser = find([[/Edg\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\//, 'Firefox'], [/Chrom(e|ium)\//, 'Chrome'], [/Safari\//, 'Safari']])
  const system = find([[/iPhone|iPad/, 'iOS'], [/Android/, 'Android'], [/Windows/, 'Windows'], [/Mac OS X/, 'macOS'], [/CrOS/, 'ChromeOS'], [/Linux/, 'Linux']])
  if (!browser) return agent.split(/[\s/]/)[0]!.slice(0, 40)
  return system ? t('sessions.device', { browser, system }) : browser
}

/** Where one is logged in. */
export function Sessions() {
  const [sessions, setSessions] = useState<Session[] | null>(null)
  const [fault, setFault] = useState<string | null>(null)
  const now = useNow(60_000)
  const refresh = () => call('session.list', {}).then((r) => setSessions(r.sessions.filter((s) => !s.name)), (err: unknown) => setFault(explain(err)))
  useEffect(() => {
    void refresh()
    return follow((e) => void (e.kind === 'session.revoked' && refresh()))
  }, [])
  const revoke = (session: string) => call('session.revoke', { session }).then(refresh, (err: unknown) => setFault(explain(err)))
  return (
    <section aria-labelledby="account-devices">
      <h2 id="account-devices">{t('account.sessions')}</h2>
      <p className="muted">{t('sessions.text')}</p>
      <div role="alert">{fault && <p className="fault">{fault}</p>}</div>
      {sessions === null && !fault && <p className="list-empty">{t('app.loading')}</p>}
      <ul className="lines">
        {sessions?.map((s) => (
          <li key={s.id}>
            <span className="lines-text">
              <b>{deviceName(s.agent)}</b>
              <small>
                {s.current
                  ? t(s.addr ? 'sessions.thisFrom' : 'sessions.this', { address: s.addr ?? '' })
                  : t(s.addr ? 'sessions.usedFrom' : 'sessions.used', { ago: ago(s.seen_at, now), address: s.addr ?? '' })}
              </small>
            </span>
            {s.current ? (
              <span className="tag">{t('sessions.current')}</span>
            ) : (
              <button className="button" onClick={() => void revoke(s.id)}>
                {t('sessions.end')}
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}

import { useEffect, useState } from 'react'
import { formatNumber, isKey, t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { ServerStatus } from '../../protocol/types'
import { call } from '../../store/actions'
import { Fault } from '../kit/Form'
import { ago, momentName, span } from '../kit/time'

const every = 10_000 // ms between two looks while it is open

/** How the server is doing. */
export function Status() {
  const [status, setStatus] = useState<ServerStatus | null>(null)
  const [fault, setFault] = useState<string>()
  useEffect(() => {
    const look = () => {
      if (document.hidden) return
      call('server.status', {}).then(
        (s) => (setStatus(s), setFault(undefined)),
        (err: unknown) => setFault(explain(err)),
      )
    }
    look()
    const timer = setInterval(look, every)
    return () => clearInterval(timer)
  }, [])
  const now = Date.now()
  if (!status) return fault ? <Fault text={fault} /> : <p className="list-empty">{t('app.loading')}</p>
  const serious = status.findings.filter((f) => f.level === 'warning' || f.level === 'refusal')
  return (
    <div className="server-status">
      <Fault text={fault} />
      {Object.values(status.degraded ?? {}).map((why) => (
        <p key={why} className="fault" dir="auto">
          {why}
        </p>
      ))}
      <dl>
        <Row name={t('status.version')} value={status.version} />
        <Row name={t('status.store')} value={status.store} />
        <Row name={t('status.since')} value={momentName(status.started_at, now)} />
        <Row name={t('status.connections')} value={formatNumber(status.connections)} />
        <Row name={t('status.backup')} value={backupText(status, now)} />
      </dl>
      {status.shared && <p className="muted">{t('status.oneNode')}</p>}
      <section aria-labelledby="status-work">
        <h2 id="status-work">{t('status.work')}</h2>
        <dl>
          {status.followers.map((f) => (
            <Row key={f.name} name={isKey(`status.work.${f.name}`) ? t(`status.work.${f.name}` as 'status.work.search') : f.name} value={workText(f)} />
          ))}
        </dl>
      </section>
      <section aria-labelledby="status-data">
        <h2 id="status-data">{t('status.findings')}</h2>
        {serious.length === 0 && <p>{t('status.fine')}</p>}
        <ul className="lines">
          {[...serious, ...status.findings.filter((f) => !serious.includes(f))].map((f) => (
            <li key={`${f.where} ${f.about} ${f.is}`} dir="auto">
              <span className="lines-text">
                <b>
                  {f.about}: {f.is}
                </b>
                <small>{[f.where, f.risk, f.mend].filter(Boolean).join(' · ')}</small>
              </span>
              {serious.includes(f) && <span className="tag">{t('status.warning')}</span>}
            </li>
          ))}
        </ul>
      </section>
    </div>
  )
}

const Row = ({ name, value }: { name: string; value: string }) => (
  <div>
    <dt>{name}</dt>
    <dd dir="auto">{value}</dd>
  </div>
)

function backupText({ backup }: ServerStatus, now: number): string {
  if (!backup) return t('status.noBackup')
  const failed = backup.failed_at && t('status.backupFailed', { ago: ago(backup.failed_at, now), reason: backup.error ?? '' })
  return [failed, backup.at && `${backup.name}, ${ago(backup.at, now)}`].filter(Boolean).join(' · ')
}

function workText(f: ServerStatus['followers'][number]): string {
  if (!f.running) return t('status.elsewhere')
  if (f.behind === 0) return t('status.upToDate')
  return [t('status.behind', { number: formatNumber(f.behind), span: span(Math.max(1, Math.round(f.lag_seconds))) }), f.failing > 0 && t('status.failing', { number: formatNumber(f.failing) })]
    .filter(Boolean)
    .join(' · ')
}

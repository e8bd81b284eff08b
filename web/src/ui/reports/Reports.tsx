import { Flag } from 'lucide-react'
import { useEffect, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Report } from '../../protocol/types'
import { goToRoom } from '../../store/marks'
import { closeReport, fetchReports, useReports } from '../../store/reports'
import { homeOf } from '../../store/gate'
import { mayModerate, nameOf, titleOf } from '../../store/select'
import { type Page, toast, useChat } from '../../store/store'
import { call } from '../../store/actions'
import { Nothing } from '../admin/Nothing'
import { openDialog } from '../dialogs/open'
import { Fault, Field, useSubmit } from '../kit/Form'
import { useNow } from '../kit/hooks'
import { ago } from '../kit/time'
import { Frame } from '../pages/Frame'

/** What was reported and waits, with what can be done about it, and what came of one's own reports. */
export function Reports({ page }: { page: Page }) {
  const reports = useReports((r) => r.reports)
  const [fault, setFault] = useState<string>()
  const now = useNow(60_000)
  useEffect(() => {
    fetchReports().catch((err: unknown) => setFault(explain(err)))
  }, [])
  return (
    <Frame name="" pages={[{ page: 'reports', label: t('reports.title'), icon: Flag }]} page={page}>
      <Fault text={fault} />
      {reports?.open.length === 0 && <Nothing icon={<Flag size={28} />} text={t('reports.none')} />}
      <ul className="reports">
        {reports?.open.map((r) => (
          <Item key={r.id} report={r} now={now} />
        ))}
      </ul>
      {reports && reports.closed.length > 0 && (
        <section aria-labelledby="own-reports">
          <h2 id="own-reports" className="list-title">
            {t('reports.mine')}
          </h2>
          <ul className="lines">
            {reports.closed.toReversed().map((r) => (
              <li key={r.id}>
                <span className="lines-text">
                  <b>{t(`reports.outcome.${r.outcome!}`)}</b>
                  <small>{[r.note, ago(r.closed_at!, now)].filter(Boolean).join(' · ')}</small>
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </Frame>
  )
}

function Item({ report: r, now }: { report: Report; now: number }) {
  const m = r.message
  const author = useChat((s) => nameOf(s, m.from))
  const reporter = useChat((s) => nameOf(s, r.by!))
  const room = useChat((s) => s.rooms[m.room])
  const title = useChat((s) => (room && room.kind !== 'direct' ? titleOf(s, homeOf(s, room)) : ''))
  const mine = useChat((s) => room !== undefined && mayModerate(s, homeOf(s, room)))
  const [note, setNote] = useState('')
  const close = (outcome: 'acted' | 'dismissed') => async () => {
    await closeReport(r.id, outcome, note.trim())
    toast(t('reports.closed'))
  }
  const { busy, submit, at, elsewhere } = useSubmit(close('acted'))
  const dismiss = useSubmit(close('dismissed'))
  const remove = () =>
    openDialog({
      kind: 'confirm', title: t('message.deleteTitle'), text: t('message.deleteText'), action: t('message.delete'), danger: true,
      run: async () => void (await call('message.delete', { room: m.room, no: m.no })),
    })
  return (
    <li className="report" aria-labelledby={`report-${r.id}`}>
      <h2 id={`report-${r.id}`}>{title ? t('reports.in', { name: author, room: title }) : t('reports.from', { name: author })}</h2>
      <p className="muted">
        {t('reports.by', { name: reporter, ago: ago(r.at, now) })}
        {r.reason && (
          <>
            {' '}
            <q dir="auto">{r.reason}</q>
          </>
        )}
      </p>
      <blockquote dir="auto">
        {m.text}
        {m.files?.map((f) => (
          <small key={f.id}>{f.name}</small>
        ))}
      </blockquote>
      <div className="form-actions">
        <button className="button" onClick={() => openDialog({ kind: 'profile', user: m.from })}>
          {t('profile.of', { name: author })}
        </button>
        {room && (
          <button className="button" onClick={() => void goToRoom(m.room, m.no)}>
            {t('reports.go')}
          </button>
        )}
        {mine && (
          <button className="button danger" onClick={remove}>
            {t('message.delete')}
          </button>
        )}
      </div>
      <form onSubmit={submit}>
        <Field label={t('reports.note', { name: reporter })} value={note} maxLength={250} autoComplete="off" dir="auto" onChange={(e) => setNote(e.target.value)} error={at('note') ?? dismiss.at('note')} />
        <Fault text={elsewhere('note') ?? dismiss.elsewhere('note')} />
        <div className="form-actions">
          <button type="button" className="button" disabled={busy || dismiss.busy} onClick={() => void dismiss.submit()}>
            {t('reports.dismissed')}
          </button>
          <button className="button primary" disabled={busy || dismiss.busy}>
            {t('reports.acted')}
          </button>
        </div>
      </form>
    </li>
  )
}

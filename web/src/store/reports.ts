// Messages that somebody has reported: those that this person may look at, and
// what came of their own.

import { create } from 'zustand'
import { t } from '../i18n'
import type { Reports } from '../protocol/types'
import { call, changeDocument } from './actions'
import { documentOf } from './documents'
import { toast } from './toasts'

/** What the server last said; null until it did. */
export const useReports = create<{ reports: Reports | null }>()(() => ({ reports: null }))

export const forgetReports = () => useReports.setState({ reports: null })

/** The document "reports": when the newest was closed of those whose outcome this person has heard. */
interface Heard {
  heard: string
}

/** Asks for the reports: after each sync, and when the server says that some have changed. */
export async function fetchReports(): Promise<void> {
  const reports = await call('report.list', {})
  useReports.setState({ reports })
  const heard = documentOf<Heard>('reports').heard ?? ''
  const fresh = reports.closed.filter((r) => r.closed_at! > heard)
  for (const r of fresh) toast([t('reports.heard'), t(`reports.outcome.${r.outcome!}`), r.note].filter(Boolean).join(' '))
  const newest = fresh.map((r) => r.closed_at!).sort().at(-1)
  if (newest) changeDocument('reports', (v) => ({ ...v, heard: newest }))
}

export async function closeReport(report: string, outcome: 'acted' | 'dismissed', note: string): Promise<void> {
  await call('report.close', { report, outcome, ...(note ? { note } : {}) })
  useReports.setState(({ reports }) => ({ reports: reports && { ...reports, open: reports.open.filter((r) => r.id !== report) } }))
}

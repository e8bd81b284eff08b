import { type ComponentType, useEffect, useState } from 'react'
import { t } from '../../i18n'
import { openRoom } from '../../store/actions'
import { type Page, useApp } from '../../store/store'

type Part = ComponentType<{ page: Page }>

/** Each in a file of its own, loaded when one of its pages is first opened. */
const parts: Record<string, () => Promise<Part>> = {
  admin: () => import('../admin/Admin').then((m) => m.Admin),
  'catch-up': () => import('../catchup/CatchUp').then((m) => m.CatchUp),
  people: () => import('../people/Directory').then((m) => m.Directory),
  reports: () => import('../reports/Reports').then((m) => m.Reports),
  settings: () => import('../settings/Settings').then((m) => m.Settings),
}

/** Loads what shows a page, and shows it. */
export function PagePart({ page }: { page: Page }) {
  const name = page.split('/')[0]!
  const [part, setPart] = useState<{ name: string; Part: Part } | null>(null)
  const [failed, setFailed] = useState(false)
  const load = () => {
    setFailed(false)
    let left = false
    parts[name]!().then(
      (Part) => left || setPart({ name, Part }),
      () => left || setFailed(true), // no connection, or the server has a newer client
    )
    return () => void (left = true)
  }
  useEffect(load, [name])
  if (part?.name === name) return <part.Part page={page} />
  return (
    <main className="empty">
      <p role={failed ? 'alert' : 'status'}>{t(failed ? 'admin.failed' : 'app.loading')}</p>
      {failed && (
        <p>
          <button className="button primary" onClick={load}>
            {t('app.tryAgain')}
          </button>{' '}
          <button className="button" onClick={() => openRoom(useApp.getState().room)}>
            {t('admin.back')}
          </button>
        </p>
      )}
    </main>
  )
}

import { type ComponentType, useEffect, useState } from 'react'
import { t } from '../../i18n'
import { openRoom } from '../../store/actions'
import { type AdminPage, useApp } from '../../store/store'

/** Loads the pages for admins, and shows one. */
export function AdminPart({ page }: { page: AdminPage }) {
  const [Admin, setAdmin] = useState<ComponentType<{ page: AdminPage }> | null>(null)
  const [failed, setFailed] = useState(false)
  const load = () => {
    setFailed(false)
    import('./Admin').then(
      (m) => setAdmin(() => m.Admin),
      () => setFailed(true), // no connection, or the server has a newer client
    )
  }
  useEffect(load, [])
  if (Admin) return <Admin page={page} />
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

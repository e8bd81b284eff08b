import { ArrowLeft, Hash, ScrollText, Ticket, Users } from 'lucide-react'
import { useEffect, useRef } from 'react'
import { t } from '../../i18n'
import { openAdmin, openRoom } from '../../store/actions'
import { atLeast } from '../../store/select'
import { type AdminPage, adminPages, useApp, useChat } from '../../store/store'
import { Audit } from './Audit'
import { Invites } from './Invites'
import { People } from './People'
import { Rooms } from './Rooms'

const icons = { people: Users, rooms: Hash, invites: Ticket, audit: ScrollText }
const screens = { people: People, rooms: Rooms, invites: Invites, audit: Audit }

/** The pages for admins, over the whole window. In a file of its own, loaded when one is first opened. */
export function Admin({ page }: { page: AdminPage }) {
  const admin = useChat((s) => atLeast(s.me, 'admin'))
  const title = useRef<HTMLHeadingElement>(null)
  const box = useRef<HTMLDivElement>(null)
  const Screen = screens[page]
  useEffect(() => {
    title.current?.focus()
    box.current?.scrollTo(0, 0)
  }, [page])
  return (
    <main className="admin">
      <header className="admin-head">
        <button className="icon-button" aria-label={t('admin.back')} title={t('admin.back')} onClick={() => openRoom(useApp.getState().room)}>
          <ArrowLeft size={20} className="flip" />
        </button>
        <p className="admin-name">{t('admin.title')}</p>
        <nav className="admin-nav" aria-label={t('admin.title')}>
          {adminPages.map((p) => {
            const Icon = icons[p]
            return (
              <a
                key={p}
                href={`#/admin/${p}`}
                aria-current={p === page ? 'page' : undefined}
                onClick={(e) => {
                  if (e.ctrlKey || e.metaKey || e.shiftKey) return // a tab of its own
                  e.preventDefault()
                  openAdmin(p)
                }}
              >
                <Icon size={16} aria-hidden />
                {t(`admin.${p}`)}
              </a>
            )
          })}
        </nav>
      </header>
      <div ref={box} className="admin-box">
        <div className="admin-page">
          <h1 ref={title} tabIndex={-1}>
            {t(`admin.${page}`)}
          </h1>
          {admin ? <Screen /> : <p className="fault">{t('admin.refused')}</p>}
        </div>
      </div>
    </main>
  )
}

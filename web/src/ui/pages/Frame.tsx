import { ArrowLeft, type LucideIcon } from 'lucide-react'
import { type ReactNode, useEffect, useRef } from 'react'
import { t } from '../../i18n'
import { openPage, openRoom } from '../../store/actions'
import { type Page, useApp } from '../../store/store'

interface Props {
  /** What these pages are together. */
  name: string
  pages: { page: Page; label: string; icon: LucideIcon }[]
  page: Page
  children: ReactNode
}

/** A page over the whole window, with the way back and to its neighbours. */
export function Frame({ name, pages, page, children }: Props) {
  const title = useRef<HTMLHeadingElement>(null)
  const box = useRef<HTMLDivElement>(null)
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
        {name && <p className="admin-name">{name}</p>}
        {pages.length > 1 && (
          <nav className="admin-nav" aria-label={name}>
            {pages.map(({ page: p, label, icon: Icon }) => (
              <a
                key={p}
                href={`#/${p}`}
                aria-current={p === page ? 'page' : undefined}
                onClick={(e) => {
                  if (e.ctrlKey || e.metaKey || e.shiftKey) return // a tab of its own
                  e.preventDefault()
                  openPage(p)
                }}
              >
                <Icon size={16} aria-hidden />
                {label}
              </a>
            ))}
          </nav>
        )}
      </header>
      <div ref={box} className="admin-box">
        <div className="admin-page">
          <h1 ref={title} tabIndex={-1}>
            {pages.find((p) => p.page === page)?.label}
          </h1>
          {children}
        </div>
      </div>
    </main>
  )
}

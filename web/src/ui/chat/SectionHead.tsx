import { ArrowDown, ChevronRight, MailOpen, MoreHorizontal, Pencil, Plus, Trash2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { type Key, formatNumber, t } from '../../i18n'
import { useDocument } from '../../store/documents'
import { deleteSection, fold, type Layout, mostSorted, type Order, type Section, setLayout, setOrder } from '../../store/sidebar'
import { markAllRead, markEverythingRead } from '../../store/unread'
import { useApp } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { nextUnread } from './useKeys'
import { Menu, MenuCheck, MenuChoice, MenuItem, MenuLine } from '../kit/Menu'

const titles: Record<string, Key> = {
  unread: 'list.unreadRooms',
  favourites: 'list.favourites',
  rooms: 'list.rooms',
  directs: 'list.directs',
  archived: 'archive.list',
}

const orders: { value: Order; label: Key }[] = [
  { value: 'name', label: 'section.byName' },
  { value: 'activity', label: 'section.byActivity' },
  { value: 'own', label: 'section.byHand' },
]

export const sectionTitle = (section: { id: string; name?: string }): string => section.name ?? t(titles[section.id]!)

/** A section's title, which folds it, and what one can do with it. */
export function SectionHead({ section, unread }: { section: Section; unread: number }) {
  const { id, name } = section
  const layout = useDocument<Layout>('sidebar')
  const title = sectionTitle(section)
  return (
    <Fold id={id} title={title} count={id === 'archived' ? section.rooms.length : undefined} folded={section.folded} unread={unread}>
      <Menu
        trigger={
          <button className="icon-button section-more" aria-label={t('section.menu', { name: title })}>
            <MoreHorizontal size={15} />
          </button>
        }
      >
        {id !== 'unread' && id !== 'archived' && (
          <>
            <MenuChoice
              label={t('section.sort')}
              value={section.order}
              options={orders.filter((o) => o.value !== 'own' || section.rooms.length <= mostSorted).map((o) => ({ value: o.value, label: t(o.label) }))}
              onChange={(v) => setOrder(id, v as Order, section.rooms)}
            />
            <MenuLine />
          </>
        )}
        {id === 'unread' && (
          <MenuItem icon={<ArrowDown size={16} />} onSelect={nextUnread}>
            {t('section.nextUnread')}
          </MenuItem>
        )}
        <MenuItem icon={<MailOpen size={16} />} onSelect={() => markAllRead(section.rooms.flatMap((id) => useApp.getState().chat?.rooms[id] ?? []))}>
          {t('section.markRead')}
        </MenuItem>
        <MenuItem icon={<MailOpen size={16} />} onSelect={markEverythingRead}>
          {t('section.markAllRead')}
        </MenuItem>
        <MenuLine />
        <MenuCheck checked={layout.unreadFirst !== false} onChange={(unreadFirst) => setLayout({ unreadFirst })}>
          {t('section.unreadFirst')}
        </MenuCheck>
        <MenuCheck checked={layout.previews ?? window.matchMedia('(max-width: 719px)').matches} onChange={(previews) => setLayout({ previews })}>
          {t('section.previews')}
        </MenuCheck>
        <MenuLine />
        <MenuItem icon={<Plus size={16} />} onSelect={() => openDialog({ kind: 'section' })}>
          {t('section.new')}
        </MenuItem>
        {name !== undefined && (
          <>
            <MenuItem icon={<Pencil size={16} />} onSelect={() => openDialog({ kind: 'section', id, name })}>
              {t('section.rename')}
            </MenuItem>
            <MenuItem icon={<Trash2 size={16} />} danger onSelect={() => deleteSection(id)}>
              {t('section.delete')}
            </MenuItem>
          </>
        )}
      </Menu>
    </Fold>
  )
}

interface FoldProps {
  id: string
  title: string
  /** How much is in it, where that is said. */
  count?: number
  folded: boolean
  /** What is unread in it while it is folded. */
  unread: number
  children?: ReactNode
}

/** A title that folds what is below it. */
export function Fold({ id, title, count, folded, unread, children }: FoldProps) {
  return (
    <div className="section-head">
      <h2 id={`${id}-title`} className="list-title">
        <button className="fold" data-nav aria-expanded={!folded} aria-controls={folded ? undefined : `${id}-list`} onClick={() => fold(id, !folded)}>
          <ChevronRight size={14} aria-hidden className="flip" />
          <bdi>{title}</bdi>
          {count !== undefined && <span className="section-count">{formatNumber(count)}</span>}
        </button>
      </h2>
      {unread > 0 && (
        <span className="badge">
          {unread > 99 ? `${formatNumber(99)}+` : formatNumber(unread)}
          <span className="visually-hidden">{t('list.unread')}</span>
        </span>
      )}
      {children}
    </div>
  )
}

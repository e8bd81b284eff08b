import { Hash, ScrollText, Server as ServerIcon, Ticket, Users } from 'lucide-react'
import { t } from '../../i18n'
import { atLeast } from '../../store/select'
import { type AdminPage, adminPages, type Page, useChat } from '../../store/store'
import { Frame } from '../pages/Frame'
import { Audit } from './Audit'
import { Invites } from './Invites'
import { People } from './People'
import { Rooms } from './Rooms'
import { Server } from './Server'

const icons = { people: Users, rooms: Hash, invites: Ticket, audit: ScrollText, server: ServerIcon }
const screens = { people: People, rooms: Rooms, invites: Invites, audit: Audit, server: Server }

/** The pages for admins. In a file of its own, loaded when one is first opened. */
export function Admin({ page }: { page: Page }) {
  const admin = useChat((s) => atLeast(s.me, 'admin'))
  const owner = useChat((s) => s.me.role === 'owner')
  const Screen = screens[page.slice('admin/'.length) as AdminPage]
  const pages = adminPages.filter((p) => owner || p !== 'server').map((p) => ({ page: `admin/${p}` as const, label: t(`admin.${p}`), icon: icons[p] }))
  return (
    <Frame name={t('admin.title')} pages={pages} page={page}>
      {admin && (owner || Screen !== Server) ? <Screen /> : <p className="fault">{t('admin.refused')}</p>}
    </Frame>
  )
}

import { Activity, Hash, KeyRound, ScrollText, Server as ServerIcon, Smile, Ticket, Users } from 'lucide-react'
import { t } from '../../i18n'
import { atLeast, useRight } from '../../store/select'
import { type AdminPage, adminPages, type Page, useChat } from '../../store/store'
import { Frame } from '../pages/Frame'
import { Audit } from './Audit'
import { CustomEmoji } from './CustomEmoji'
import { Invites } from './Invites'
import { People } from './People'
import { Roles } from './Roles'
import { Rooms } from './Rooms'
import { Server } from './Server'
import { Status } from './Status'

const icons = { people: Users, rooms: Hash, invites: Ticket, emoji: Smile, roles: KeyRound, audit: ScrollText, status: Activity, server: ServerIcon }
const screens = { people: People, rooms: Rooms, invites: Invites, emoji: CustomEmoji, roles: Roles, audit: Audit, status: Status, server: Server }

/** The pages for admins. In a file of its own, loaded when one is first opened. */
export function Admin({ page }: { page: Page }) {
  const admin = useChat((s) => atLeast(s.me, 'admin'))
  const owner = useChat((s) => s.me.role === 'owner')
  const shown = page.slice('admin/'.length) as AdminPage
  const Screen = screens[shown]
  const emoji = useRight('emoji')
  const may = (p: AdminPage) => (p === 'emoji' ? emoji : admin && (owner || p !== 'server'))
  const pages = adminPages.filter(may).map((p) => ({ page: `admin/${p}` as const, label: t(`admin.${p}`), icon: icons[p] }))
  return (
    <Frame name={t('admin.title')} pages={pages} page={page}>
      {may(shown) ? <Screen /> : <p className="fault">{t('admin.refused')}</p>}
    </Frame>
  )
}

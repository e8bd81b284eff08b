import { ChevronsUpDown, CircleUser, Contact, Keyboard, LogOut, Monitor, Moon, Settings2, ShieldCheck, Smile, Sun, Terminal, UserPlus } from 'lucide-react'
import { useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import { logOut, openPage } from '../../store/actions'
import { atLeast } from '../../store/select'
import { deleteNow } from '../../store/deletions'
import { toast, useApp, useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { Emoji } from '../emoji/Emoji'
import { Avatar } from '../kit/Avatar'
import { Menu, MenuChoice, MenuItem, MenuLine } from '../kit/Menu'
import { momentName } from '../kit/time'
import { StatusMark, useQuiet, useStatus } from '../people/Status'
import { look, setLook, type Theme } from '../kit/theme'

const themes = [
  { value: 'system', label: 'look.theme.system' as const, icon: <Monitor size={15} /> },
  { value: 'light', label: 'look.theme.light' as const, icon: <Sun size={15} /> },
  { value: 'dark', label: 'look.theme.dark' as const, icon: <Moon size={15} /> },
]

/** Oneself: at the foot of the list. */
export function AccountMenu() {
  const me = useChat((s) => s.me)
  const online = useApp((a) => a.status.kind === 'online')
  const external = useApp((a) => a.info?.external)
  const canLeave = useApp((a) => a.info?.log_out)
  const status = useStatus(me.id)
  const quiet = useQuiet(me.id)
  const [chosen, setChosen] = useState<Theme>(() => look('theme'))
  return (
    <footer className="account">
      <Menu
        align="start"
        trigger={
          <button className="account-button">
            <span className="visually-hidden">{t('account.menu')}</span>
            <Avatar id={me.id} name={me.name} online={online} />
            <span className="account-lines">
              <span className="account-name">
                <bdi>{me.name}</bdi>
                <StatusMark user={me.id} />
              </span>
              <span className="account-role">{online ? t(`role.${me.role}`) : t('account.notConnected')}</span>
            </span>
            <ChevronsUpDown size={15} aria-hidden />
          </button>
        }
      >
        <MenuChoice label={t('look.theme')} value={chosen} options={themes.map((o) => ({ ...o, label: t(o.label) }))} onChange={(v) => (setChosen(v as Theme), setLook('theme', v as Theme))} />
        <MenuLine />
        <MenuItem icon={<CircleUser size={16} />} onSelect={() => openDialog({ kind: 'profile', user: me.id })}>
          {t('profile.yours')}
        </MenuItem>
        <MenuItem icon={status?.emoji ? <span className="menu-emoji"><Emoji emoji={status.emoji} /></span> : <Smile size={16} />} onSelect={() => openDialog({ kind: 'status' })}>
          {status?.text || t('status.title')}
        </MenuItem>
        <MenuItem icon={<Moon size={16} />} onSelect={() => openDialog({ kind: 'quiet' })}>
          {quiet ? t('quiet.until', { time: momentName(quiet, Date.now()) }) : t('quiet.title')}
        </MenuItem>
        <MenuLine />
        {atLeast(me, 'admin') && (
          <>
            {!external && (
              <MenuItem icon={<UserPlus size={16} />} onSelect={() => openPage('admin/invites')}>
                {t('account.invite')}
              </MenuItem>
            )}
            <MenuItem icon={<ShieldCheck size={16} />} onSelect={() => openPage('admin/people')}>
              {t('admin.title')}
            </MenuItem>
            <MenuLine />
          </>
        )}
        <MenuItem icon={<Contact size={16} />} onSelect={() => openPage('people')}>
          {t('people.directory')}
        </MenuItem>
        <MenuItem icon={<Settings2 size={16} />} onSelect={() => openPage('settings/appearance')}>
          {t('account.preferences')}
        </MenuItem>
        <MenuItem icon={<Terminal size={16} />} onSelect={() => openDialog({ kind: 'tokens' })}>
          {t('account.tokens')}
        </MenuItem>
        <MenuItem icon={<Keyboard size={16} />} onSelect={() => openDialog({ kind: 'keys' })}>
          {t('account.keys')}
        </MenuItem>
        {(!external || canLeave) && (
          <>
            <MenuLine />
            <MenuItem icon={<LogOut size={16} />} danger onSelect={leave}>
              {t('account.logOut')}
            </MenuItem>
          </>
        )}
      </Menu>
    </footer>
  )
}

function leave(): void {
  const unsent = useApp.getState().outbox.filter((i) => i.state !== 'sent').length
  if (unsent === 0) {
    deleteNow()
      .then(logOut)
      .catch((err: unknown) => toast(explain(err)))
    return
  }
  openDialog({
    kind: 'confirm',
    title: t('account.logOutNow'),
    text: t('account.unsent', { count: unsent }),
    action: t('account.logOut'),
    danger: true,
    run: logOut,
  })
}

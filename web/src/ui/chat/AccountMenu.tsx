import { ChevronsUpDown, CircleUser, Keyboard, KeyRound, LogOut, Monitor, MonitorSmartphone, Moon, Settings2, ShieldCheck, Smile, Sun, Terminal, UserPlus } from 'lucide-react'
import { useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import { logOut, openAdmin } from '../../store/actions'
import { atLeast } from '../../store/select'
import { deleteNow } from '../../store/deletions'
import { toast, useApp, useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { Avatar } from '../kit/Avatar'
import { Menu, MenuChoice, MenuItem, MenuLine } from '../kit/Menu'
import { momentName } from '../kit/time'
import { StatusMark, useQuiet, useStatus } from '../people/Status'
import { setTheme, theme, type Theme } from '../kit/theme'

const themes = [
  { value: 'system', label: 'account.themeSystem' as const, icon: <Monitor size={15} /> },
  { value: 'light', label: 'account.themeLight' as const, icon: <Sun size={15} /> },
  { value: 'dark', label: 'account.themeDark' as const, icon: <Moon size={15} /> },
]

/** Oneself: at the foot of the list. */
export function AccountMenu() {
  const me = useChat((s) => s.me)
  const online = useApp((a) => a.status.kind === 'online')
  const external = useApp((a) => a.info?.external)
  const canLeave = useApp((a) => a.info?.log_out)
  const status = useStatus(me.id)
  const quiet = useQuiet(me.id)
  const [chosen, setChosen] = useState<Theme>(theme)
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
        <MenuChoice label={t('account.theme')} value={chosen} options={themes.map((o) => ({ ...o, label: t(o.label) }))} onChange={(v) => (setChosen(v as Theme), setTheme(v as Theme))} />
        <MenuLine />
        <MenuItem icon={<CircleUser size={16} />} onSelect={() => openDialog({ kind: 'profile', user: me.id })}>
          {t('profile.yours')}
        </MenuItem>
        <MenuItem icon={status?.emoji ? <span className="menu-emoji">{status.emoji}</span> : <Smile size={16} />} onSelect={() => openDialog({ kind: 'status' })}>
          {status?.text || t('status.title')}
        </MenuItem>
        <MenuItem icon={<Moon size={16} />} onSelect={() => openDialog({ kind: 'quiet' })}>
          {quiet ? t('quiet.until', { time: momentName(quiet, Date.now()) }) : t('quiet.title')}
        </MenuItem>
        <MenuLine />
        {atLeast(me, 'admin') && (
          <>
            {!external && (
              <MenuItem icon={<UserPlus size={16} />} onSelect={() => openAdmin('invites')}>
                {t('account.invite')}
              </MenuItem>
            )}
            <MenuItem icon={<ShieldCheck size={16} />} onSelect={() => openAdmin('people')}>
              {t('admin.title')}
            </MenuItem>
            <MenuLine />
          </>
        )}
        <MenuItem icon={<Settings2 size={16} />} onSelect={() => openDialog({ kind: 'preferences' })}>
          {t('account.preferences')}
        </MenuItem>
        <MenuItem icon={<MonitorSmartphone size={16} />} onSelect={() => openDialog({ kind: 'sessions' })}>
          {t('account.sessions')}
        </MenuItem>
        <MenuItem icon={<Terminal size={16} />} onSelect={() => openDialog({ kind: 'tokens' })}>
          {t('account.tokens')}
        </MenuItem>
        {!external && (
          <MenuItem icon={<KeyRound size={16} />} onSelect={() => openDialog({ kind: 'password' })}>
            {t('account.password')}
          </MenuItem>
        )}
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

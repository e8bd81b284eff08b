import { ChevronsUpDown, Keyboard, KeyRound, LogOut, Monitor, MonitorSmartphone, Moon, Sun, UserPlus } from 'lucide-react'
import { useState } from 'react'
import { explain } from '../../protocol/error'
import { logOut } from '../../store/actions'
import { atLeast } from '../../store/select'
import { toast, useApp, useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { Avatar } from '../kit/Avatar'
import { Menu, MenuChoice, MenuItem, MenuLine } from '../kit/Menu'
import { setTheme, theme, type Theme } from '../kit/theme'

const themes = [
  { value: 'system', label: 'System', icon: <Monitor size={15} /> },
  { value: 'light', label: 'Light', icon: <Sun size={15} /> },
  { value: 'dark', label: 'Dark', icon: <Moon size={15} /> },
]

/** Oneself: at the foot of the list. */
export function AccountMenu() {
  const me = useChat((s) => s.me)
  const online = useApp((a) => a.status.kind === 'online')
  const [chosen, setChosen] = useState<Theme>(theme)
  return (
    <footer className="account">
      <Menu
        align="start"
        trigger={
          <button className="account-button" aria-label={`Your account, ${me.name}`}>
            <Avatar id={me.id} name={me.name} online={online} />
            <span className="account-lines">
              <span className="account-name">{me.name}</span>
              <span className="account-role">{online ? me.role : 'not connected'}</span>
            </span>
            <ChevronsUpDown size={15} aria-hidden />
          </button>
        }
      >
        <MenuChoice label="Theme" value={chosen} options={themes} onChange={(v) => (setChosen(v as Theme), setTheme(v as Theme))} />
        <MenuLine />
        {atLeast(me, 'admin') && (
          <MenuItem icon={<UserPlus size={16} />} onSelect={() => openDialog({ kind: 'invites' })}>
            Invite people
          </MenuItem>
        )}
        <MenuItem icon={<MonitorSmartphone size={16} />} onSelect={() => openDialog({ kind: 'sessions' })}>
          Sessions
        </MenuItem>
        <MenuItem icon={<KeyRound size={16} />} onSelect={() => openDialog({ kind: 'password' })}>
          Change password
        </MenuItem>
        <MenuItem icon={<Keyboard size={16} />} onSelect={() => openDialog({ kind: 'keys' })}>
          Keyboard and formatting
        </MenuItem>
        <MenuLine />
        <MenuItem icon={<LogOut size={16} />} danger onSelect={leave}>
          Log out
        </MenuItem>
      </Menu>
    </footer>
  )
}

function leave(): void {
  const unsent = useApp.getState().outbox.filter((i) => i.state !== 'sent').length
  if (unsent === 0) {
    logOut().catch((err: unknown) => toast(explain(err)))
    return
  }
  openDialog({
    kind: 'confirm',
    title: 'Log out now?',
    text: `${unsent === 1 ? 'A message has' : `${unsent} messages have`} not been sent yet and will be lost.`,
    action: 'Log out',
    danger: true,
    run: logOut,
  })
}

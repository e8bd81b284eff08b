import { Bell, CircleUser, Languages, Palette } from 'lucide-react'
import { t } from '../../i18n'
import { type Page, type SettingsPage, settingsPages } from '../../store/store'
import { Frame } from '../pages/Frame'
import { Account } from './Account'
import { Appearance } from './Appearance'
import { Language } from './Language'
import { Notifications } from './Notifications'

const icons = { appearance: Palette, notifications: Bell, account: CircleUser, language: Languages }
const screens = { appearance: Appearance, notifications: Notifications, account: Account, language: Language }

/** What one person wants of the client. In a file of its own, loaded when it is first opened. */
export function Settings({ page }: { page: Page }) {
  const Screen = screens[page.slice('settings/'.length) as SettingsPage]
  return (
    <Frame name={t('account.preferences')} pages={settingsPages.map((p) => ({ page: `settings/${p}` as const, label: t(`settings.page.${p}`), icon: icons[p] }))} page={page}>
      <div className="settings">
        <Screen />
      </div>
    </Frame>
  )
}

import { fromBrowser, type Language, languages, setLanguage, t, useLanguage } from '../../i18n'
import { Dialog } from '../kit/Dialog'

/** What one person wants of this browser. */
export function Preferences({ onClose }: { onClose: () => void }) {
  const chosen = useLanguage((l) => l.chosen)
  return (
    <Dialog title={t('account.preferences')} onClose={onClose}>
      <label className="field">
        <span>{t('settings.language')}</span>
        <select value={chosen ?? ''} onChange={(e) => setLanguage((e.target.value || null) as Language | null)}>
          <option value="">{t('settings.languageBrowser', { language: languages[fromBrowser()] })}</option>
          {Object.entries(languages).map(([value, name]) => (
            <option key={value} value={value} lang={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
    </Dialog>
  )
}

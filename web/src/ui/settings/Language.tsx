import { startTransition, useOptimistic } from 'react'
import { fromBrowser, type Language as Name, languages, setLanguage, t, useLanguage } from '../../i18n'

/** The language of the client, in this browser. */
export function Language() {
  const chosen = useLanguage((l) => l.chosen)
  const [shown, show] = useOptimistic(chosen) // while its texts are fetched
  const choose = (language: Name | null) =>
    startTransition(() => {
      show(language)
      return setLanguage(language)
    })
  return (
    <label className="field">
      <span>{t('settings.language')}</span>
      <select value={shown ?? ''} onChange={(e) => choose((e.target.value || null) as Name | null)}>
        <option value="">{t('settings.languageBrowser', { language: languages[fromBrowser()] })}</option>
        {Object.entries(languages).map(([value, name]) => (
          <option key={value} value={value} lang={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}

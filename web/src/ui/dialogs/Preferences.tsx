import { startTransition, useOptimistic, useState } from 'react'
import { fromBrowser, type Language, languages, setLanguage, t, useLanguage } from '../../i18n'
import { nameToo, permission, setNameToo, setNotify } from '../../notify/notify'
import { showLinks, useLinks } from '../../store/links'
import { useApp } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { WritingChoices } from './WritingChoices'

/** What one person wants of this browser. */
export function Preferences({ onClose }: { onClose: () => void }) {
  const chosen = useLanguage((l) => l.chosen)
  const [shown, show] = useOptimistic(chosen) // while its texts are fetched
  const choose = (language: Language | null) =>
    startTransition(() => {
      show(language)
      return setLanguage(language)
    })
  return (
    <Dialog title={t('account.preferences')} onClose={onClose}>
      <label className="field">
        <span>{t('settings.language')}</span>
        <select value={shown ?? ''} onChange={(e) => choose((e.target.value || null) as Language | null)}>
          <option value="">{t('settings.languageBrowser', { language: languages[fromBrowser()] })}</option>
          {Object.entries(languages).map(([value, name]) => (
            <option key={value} value={value} lang={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <Notifications />
      <LinkPreviews />
      <WritingChoices />
    </Dialog>
  )
}

function Notifications() {
  const [now, setNow] = useState(permission)
  const able = now === 'on' || now === 'off'
  return (
    <fieldset className="choices">
      <legend>{t('settings.notify')}</legend>
      <label className="choice">
        <input
          type="checkbox"
          checked={now === 'on'}
          disabled={!able}
          aria-describedby="notify-about"
          onChange={(e) => void setNotify(e.target.checked).then(setNow)}
        />
        <span>
          <b>{t('settings.notifyLabel')}</b>
          <small id="notify-about" role="status">
            {now === 'unsupported' ? t('settings.notifyUnsupported') : now === 'blocked' ? t('settings.notifyBlocked') : t('settings.notifyHint')}
          </small>
        </span>
      </label>
      {able && (
        <label className="choice">
          <input type="checkbox" defaultChecked={nameToo()} disabled={now !== 'on'} onChange={(e) => setNameToo(e.target.checked)} />
          <span>
            <b>{t('settings.notifyName')}</b>
          </span>
        </label>
      )}
    </fieldset>
  )
}

/** Only where the server looks at links at all. */
function LinkPreviews() {
  const able = useApp((a) => a.info?.previews === true)
  const on = useLinks((l) => l.on)
  if (!able) return null
  return (
    <fieldset className="choices">
      <legend>{t('link.legend')}</legend>
      <label className="choice">
        <input type="checkbox" checked={on} aria-describedby="links-about" onChange={(e) => showLinks(e.target.checked)} />
        <span>
          <b>{t('link.show')}</b>
          <small id="links-about">{t('link.hint')}</small>
        </span>
      </label>
    </fieldset>
  )
}

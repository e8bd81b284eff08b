import { t } from '../../i18n'
import { choose, useChoices } from '../../store/choices'
import { mac } from '../kit/hooks'

/** How one likes to write, on all devices. */
export function WritingChoices() {
  const { enterBreaks = false, bar = false } = useChoices()
  return (
    <fieldset className="choices">
      <legend>{t('writing.title')}</legend>
      <label className="choice">
        <input type="checkbox" checked={enterBreaks} aria-describedby="enter-about" onChange={(e) => choose({ enterBreaks: e.target.checked })} />
        <span>
          <b>{t('writing.enter')}</b>
          <small id="enter-about">{t('writing.enterHint', { keys: `${mac ? '⌘' : t('keys.ctrl')}+${t('keys.enter')}` })}</small>
        </span>
      </label>
      <label className="choice">
        <input type="checkbox" checked={bar} onChange={(e) => choose({ bar: e.target.checked })} />
        <span>
          <b>{t('writing.bar')}</b>
        </span>
      </label>
    </fieldset>
  )
}

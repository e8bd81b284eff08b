import { useState } from 'react'
import { t } from '../../i18n'
import { changeDocument } from '../../store/actions'
import { useDocument } from '../../store/documents'
import { type Clock, type Preferences, readPreferences } from '../../store/preferences'
import { useApp } from '../../store/store'
import { type Chosen, type Look, look, looks, setLook } from '../kit/theme'
import { clockTime } from '../kit/time'
import { Choices } from './Choices'
import { WritingChoices } from './WritingChoices'

const set = (to: Partial<Preferences>) => changeDocument('settings', (v) => ({ ...v, ...to }))

const clocks: Clock[] = ['system', '12', '24']

/** How the client looks and how one writes: the looks in this browser, all else on all devices. */
export function Appearance() {
  const { clock, links } = readPreferences(useDocument<Preferences>('settings'))
  return (
    <>
      <LookChoice what="theme" />
      <LookChoice what="density" />
      <LookChoice what="text" />
      <p className="settings-sample" aria-hidden="true">
        {t('look.sample')}
      </p>
      <Choices
        label={t('look.clock')}
        value={clock}
        options={clocks.map((value) => ({ value, label: t(`look.clock.${value}`) }))}
        onChange={(to) => set({ clock: to })}
      />
      <p className="field-hint">{t('look.clockHint', { time: clockTime(new Date().toISOString()) })}</p>
      <LinkPreviews on={links} />
      <WritingChoices />
    </>
  )
}

function LookChoice<L extends Look>({ what }: { what: L }) {
  const [chosen, setChosen] = useState(() => look(what))
  const choose = (to: Chosen<L>) => {
    setLook(what, to)
    setChosen(to)
  }
  return <Choices label={t(`look.${what}`)} value={chosen} options={(looks[what] as readonly Chosen<L>[]).map((value) => ({ value, label: t(`look.${what}.${value}` as Parameters<typeof t>[0]) }))} onChange={choose} />
}

/** Only where the server looks at links at all. */
function LinkPreviews({ on }: { on: boolean }) {
  const able = useApp((a) => a.info?.previews === true)
  if (!able) return null
  return (
    <fieldset className="choices">
      <legend>{t('link.legend')}</legend>
      <label className="choice">
        <input type="checkbox" checked={on} aria-describedby="links-about" onChange={(e) => set({ links: e.target.checked })} />
        <span>
          <b>{t('link.show')}</b>
          <small id="links-about">{t('link.hint')}</small>
        </span>
      </label>
    </fieldset>
  )
}

import { useState } from 'react'
import { locale, t } from '../../i18n'
import { permission, setNotify, setSound, sound } from '../../notify/notify'
import { keepTexts } from '../../notify/push'
import { changeDocument } from '../../store/actions'
import { useDocument } from '../../store/documents'
import { type Preferences, type QuietHours, readKeywords, readPreferences } from '../../store/preferences'
import { firstWeekday } from '../kit/calendar'
import { MailMissed } from './Mail'
import { Push } from './Push'

const set = (to: Partial<Preferences>) => changeDocument('settings', (v) => ({ ...v, ...to }))

/** What this person is notified of, where and when. */
export function Notifications() {
  const [turned, setTurned] = useState(0) // how often push was: that turns on the notifications of this browser, too
  const wanted = readPreferences(useDocument<Preferences>('settings'))
  return (
    <>
      <InThisBrowser key={turned} />
      <Push onChange={() => setTurned((n) => n + 1)} />
      <h2 className="list-title">{t('notify.everywhere')}</h2>
      <MailMissed />
      <Words {...wanted} />
      <Quiet quiet={wanted.quiet} />
      <p className="field-hint">{t('notify.rooms')}</p>
    </>
  )
}

function InThisBrowser() {
  const [now, setNow] = useState(permission)
  const able = now === 'on' || now === 'off'
  return (
    <fieldset className="choices">
      <legend>{t('notify.here')}</legend>
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
          <input type="checkbox" defaultChecked={sound()} disabled={now !== 'on'} onChange={(e) => {
              setSound(e.target.checked)
              void keepTexts().catch(() => {}) // no cache in odd browsers
            }} />
          <span>
            <b>{t('notify.sound')}</b>
            <small>{t('notify.soundHint')}</small>
          </span>
        </label>
      )}
    </fieldset>
  )
}

/** Words that notify like a mention. */
function Words({ nameToo, keywords }: Preferences) {
  const kept = keywords.join(', ')
  const [typed, setTyped] = useState<string | null>(null) // while it is written
  const save = () => {
    if (typed === null) return
    setTyped(null)
    if (readKeywords(typed).join(', ') !== kept) set({ keywords: readKeywords(typed) })
  }
  return (
    <fieldset className="choices">
      <legend>{t('notify.words')}</legend>
      <label className="choice">
        <input type="checkbox" checked={nameToo} onChange={(e) => set({ nameToo: e.target.checked })} />
        <span>
          <b>{t('settings.notifyName')}</b>
        </span>
      </label>
      <form
        className="field"
        onSubmit={(e) => {
          e.preventDefault()
          save()
        }}
      >
        <label htmlFor="keywords">{t('notify.keywords')}</label>
        <input id="keywords" autoComplete="off" dir="auto" aria-describedby="keywords-about" value={typed ?? kept} onChange={(e) => setTyped(e.target.value)} onBlur={save} />
        <p id="keywords-about" className="field-hint">
          {t('notify.keywordsHint')}
        </p>
      </form>
    </fieldset>
  )
}

const usual: QuietHours = { days: [0, 1, 2, 3, 4, 5, 6], from: '22:00', to: '08:00' }

/** The days of a week in the order of the page's language, with their names. 2026-03-01 is a Sunday. */
function weekdays(): { day: number; short: string; long: string }[] {
  const [short, long] = (['short', 'long'] as const).map((weekday) => new Intl.DateTimeFormat(locale(), { weekday }))
  const first = firstWeekday(locale()) % 7
  return Array.from({ length: 7 }, (_, i) => {
    const day = (first + i) % 7
    const date = new Date(2026, 2, 1 + day)
    return { day, short: short!.format(date), long: long!.format(date) }
  })
}

/** The hours in which nothing notifies, by day. */
function Quiet({ quiet }: { quiet: QuietHours | null }) {
  const change = (to: Partial<QuietHours>) => set({ quiet: { ...(quiet ?? usual), ...to, zone: new Intl.DateTimeFormat().resolvedOptions().timeZone } })
  return (
    <fieldset className="choices">
      <legend>{t('notify.quiet')}</legend>
      <label className="choice">
        <input type="checkbox" checked={quiet !== null} aria-describedby="quiet-about" onChange={(e) => (e.target.checked ? change({}) : set({ quiet: null }))} />
        <span>
          <b>{t('notify.quietOn')}</b>
          <small id="quiet-about">{t('notify.quietHint')}</small>
        </span>
      </label>
      {quiet && (
        <>
          <div className="pair even">
            {(['from', 'to'] as const).map((end) => (
              <label key={end} className="field">
                <span>{t(`notify.${end}`)}</span>
                <input type="time" required value={quiet[end]} onChange={(e) => e.target.value && change({ [end]: e.target.value })} />
              </label>
            ))}
          </div>
          <div className="weekdays" role="group" aria-label={t('notify.days')}>
            {weekdays().map(({ day, short, long }) => (
              <label key={day} className="choice">
                <input
                  type="checkbox"
                  aria-label={long}
                  checked={quiet.days.includes(day)}
                  onChange={(e) => change({ days: e.target.checked ? [...quiet.days, day].sort() : quiet.days.filter((d) => d !== day) })}
                />
                <span aria-hidden="true">{short}</span>
              </label>
            ))}
          </div>
        </>
      )}
    </fieldset>
  )
}

import { useEffect, useState } from 'react'
import { t } from '../../i18n'
import { needsInstalling, pushPossible, subscribe, unsubscribe } from '../../notify/push'
import { ApiError, explain } from '../../protocol/error'
import type { Actions } from '../../protocol/types'
import { call, changeDocument } from '../../store/actions'
import { useDocument } from '../../store/documents'
import { type Preferences, readPreferences } from '../../store/preferences'
import { useApp } from '../../store/store'
import { toast } from '../../store/toasts'
import { useNow } from '../kit/hooks'
import { ago } from '../kit/time'
import { deviceName } from './Sessions'

const failed = (err: unknown) => toast(err instanceof ApiError ? explain(err) : t('push.refused'))

/** Notifications while no page is open: on this device, and the person's other devices. */
export function Push({ onChange }: { onChange: () => void }) {
  const me = useApp((s) => s.chat?.me.id)
  const [push, setPush] = useState<Actions['push.get'][1] | null>(null)
  const [busy, setBusy] = useState(false)
  const { hideContent } = readPreferences(useDocument<Preferences>('settings'))
  const now = useNow(60_000)
  const refresh = () => call('push.get', {}).then(setPush, () => {})
  useEffect(() => void refresh(), [])
  const run = (job: () => Promise<unknown>) => {
    setBusy(true)
    void job().catch(failed).then(refresh).finally(() => {
      setBusy(false)
      onChange()
    })
  }
  if (!push?.key || !me) return null
  const here = push.devices.find((d) => d.current)
  const possible = pushPossible()
  return (
    <fieldset className="choices">
      <legend>{t('push.title')}</legend>
      <label className="choice">
        <input
          type="checkbox"
          checked={here !== undefined}
          disabled={busy || !possible}
          aria-describedby="push-about"
          onChange={(e) => {
            const on = e.target.checked
            run(async () => (on ? subscribe(me, push.key!) : here && unsubscribe(me, here.id, true)))
          }}
        />
        <span>
          <b>{t('push.on')}</b>
          <small id="push-about">{needsInstalling() ? t('push.install') : possible ? t('push.hint') : t('settings.notifyUnsupported')}</small>
        </span>
      </label>
      <label className="choice">
        <input
          type="checkbox"
          checked={hideContent || !push.content}
          disabled={!push.content}
          onChange={(e) => changeDocument('settings', (v) => ({ ...v, hideContent: e.target.checked }))}
        />
        <span>
          <b>{t('push.hide')}</b>
          <small>{t('push.hideHint')}</small>
        </span>
      </label>
      {push.devices.length > 0 && (
        <ul className="lines" aria-label={t('push.devices')}>
          {push.devices.map((d) => (
            <li key={d.id}>
              <span className="lines-text">
                <b>{deviceName(d.agent)}</b>
                <small>{d.error || (d.sent_at ? t('push.sent', { ago: ago(d.sent_at, now) }) : t('push.never'))}</small>
              </span>
              {d.current && <span className="tag">{t('sessions.current')}</span>}
              <button type="button" className="button" disabled={busy} onClick={() => run(() => call('push.test', { device: d.id }).then(() => toast(t('push.tested'))))}>
                {t('push.test')}
              </button>
              <button type="button" className="button" disabled={busy} onClick={() => run(() => unsubscribe(me, d.id, d.current === true))}>
                {t('push.off')}
              </button>
            </li>
          ))}
        </ul>
      )}
    </fieldset>
  )
}

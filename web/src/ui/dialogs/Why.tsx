import { useEffect, useState } from 'react'
import { isKey, t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Message, PushDecision, PushDelivered } from '../../protocol/types'
import { call, openPage } from '../../store/actions'
import { Dialog } from '../kit/Dialog'
import { Fault } from '../kit/Form'
import { useNow } from '../kit/hooks'
import { ago } from '../kit/time'
import { deviceName } from '../settings/Sessions'
import { closeDialog } from './open'

/** What the rule says, in words; nothing for one of a later version. */
const reasonText = (reason: string): string => (isKey(`why.${reason}`) ? t(`why.${reason}` as 'why.direct') : '')

/** What became of a message on a device. */
function fate(d: PushDelivered, now: number): string {
  switch (d.state) {
    case 'sent':
      return t('push.sent', { ago: ago(d.at!, now) })
    case 'waiting':
      return d.failure || t('why.waiting')
    case 'failed':
      return d.failure ?? ''
    case 'dropped':
      return reasonText(d.reason ?? '') || t('why.nothing')
  }
  return t('why.nothing')
}

/** Why one was notified of a message, or was not: what the rule says, and what each device was told. */
export function Why({ message, onClose }: { message: Message; onClose: () => void }) {
  const { room, no } = message
  const [found, setFound] = useState<PushDecision | null>(null)
  const [fault, setFault] = useState<string>()
  const now = useNow(60_000)
  useEffect(() => {
    call('push.why', { room, no }).then(setFound, (err: unknown) => setFault(explain(err)))
  }, [])
  const settings = () => {
    closeDialog()
    openPage('settings/notifications')
  }
  return (
    <Dialog title={t('why.title')} onClose={onClose}>
      <Fault text={fault} />
      {!fault && <p role="status">{found ? reasonText(found.reason) : t('app.loading')}</p>}
      {found && found.devices.length > 0 && (
        <ul className="lines" aria-label={t('push.devices')}>
          {found.devices.map((d) => (
            <li key={d.device.id}>
              <span className="lines-text">
                <b>{deviceName(d.device.agent)}</b>
                <small>{fate(d, now)}</small>
              </span>
              {d.device.current && <span className="tag">{t('sessions.current')}</span>}
            </li>
          ))}
        </ul>
      )}
      {found?.devices.length === 0 && <p className="muted">{t('why.noDevices')}</p>}
      <div className="dialog-actions">
        <button type="button" className="button" onClick={settings}>
          {t('why.settings')}
        </button>
      </div>
    </Dialog>
  )
}

import { useState } from 'react'
import { t } from '../../i18n'
import type { Message } from '../../protocol/types'
import { call } from '../../store/actions'
import { toast } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'

/** Has a message looked at by those in charge. */
export function Report({ message, onClose }: { message: Message; onClose: () => void }) {
  const [reason, setReason] = useState('')
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    const { room, no } = message
    await call('report.create', { room, no, ...(reason.trim() ? { reason: reason.trim() } : {}) })
    toast(t('report.sent'))
    onClose()
  })
  return (
    <Dialog title={t('report.title')} onClose={onClose}>
      <form onSubmit={submit}>
        <p className="dialog-text">{t('report.text')}</p>
        <Field label={t('report.reason')} value={reason} maxLength={250} autoComplete="off" dir="auto" onChange={(e) => setReason(e.target.value)} error={at('reason')} />
        <Fault text={elsewhere('reason')} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button danger" disabled={busy}>
            {t('report.send')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

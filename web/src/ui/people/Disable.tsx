import { useState } from 'react'
import { type Key, t } from '../../i18n'
import type { User } from '../../protocol/types'
import { updateUser } from '../../store/people'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'

const lives: { seconds: number; label: Key }[] = [
  { seconds: 0, label: 'disable.forGood' },
  { seconds: 3_600, label: 'disable.hour' },
  { seconds: 86_400, label: 'disable.day' },
  { seconds: 604_800, label: 'disable.week' },
  { seconds: 2_592_000, label: 'disable.month' },
]
/** Length of a reason, as the server has it. */
export const longestReason = 250

/** Shuts somebody out of the server, for a while or for good, and says why. */
export function Disable({ user, onClose }: { user: User; onClose: () => void }) {
  const [reason, setReason] = useState('')
  const [seconds, setSeconds] = useState(0)
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    await updateUser(user.id, { disabled: true, ...(seconds ? { seconds } : {}), ...(reason.trim() ? { reason: reason.trim() } : {}) })
    onClose()
  })
  return (
    <Dialog title={t('members.disableTitle', { name: user.name })} onClose={onClose}>
      <form onSubmit={submit}>
        <p className="dialog-text">{t('members.disableText')}</p>
        <label className="field">
          <span>{t('disable.for')}</span>
          <select value={seconds} onChange={(e) => setSeconds(Number(e.target.value))}>
            {lives.map((l) => (
              <option key={l.seconds} value={l.seconds}>
                {t(l.label)}
              </option>
            ))}
          </select>
        </label>
        <Field label={t('disable.reason')} hint={t('disable.reasonHint')} value={reason} maxLength={longestReason} autoComplete="off" onChange={(e) => setReason(e.target.value)} error={at('reason')} />
        <Fault text={elsewhere('reason')} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button danger" disabled={busy}>
            {t('members.disableAction')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

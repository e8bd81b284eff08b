import { useState } from 'react'
import { t } from '../../i18n'
import { changePassword } from '../../store/actions'
import { toast, useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'

export function Password({ onClose }: { onClose: () => void }) {
  const limits = useChat((s) => s.limits)
  const me = useChat((s) => s.me)
  const [old, setOld] = useState('')
  const [next, setNext] = useState('')
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    await changePassword(old, next)
    onClose()
    toast(t('password.done'))
  })
  return (
    <Dialog title={t('account.password')} onClose={onClose}>
      <form onSubmit={submit}>
        <input type="text" className="visually-hidden" autoComplete="username" value={me.name} readOnly tabIndex={-1} aria-hidden="true" />
        <Field label={t('password.old')} type="password" autoComplete="current-password" required autoFocus value={old}
          onChange={(e) => setOld(e.target.value)} error={at('old')} />
        <Field label={t('password.new')} type="password" autoComplete="new-password" required value={next} onChange={(e) => setNext(e.target.value)}
          error={at('new') ?? at('password')} hint={t('password.hint', { count: limits.password_min })} />
        <Fault text={elsewhere('old', 'new', 'password')} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button primary" disabled={busy || !old || Array.from(next).length < limits.password_min}>
            {t('account.password')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

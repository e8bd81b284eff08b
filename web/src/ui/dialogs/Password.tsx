import { useState } from 'react'
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
    toast('Your password is changed. Everywhere else you are logged out.')
  })
  return (
    <Dialog title="Change password" onClose={onClose}>
      <form onSubmit={submit}>
        <input type="text" className="visually-hidden" autoComplete="username" value={me.name} readOnly tabIndex={-1} aria-hidden="true" />
        <Field label="Password until now" type="password" autoComplete="current-password" required autoFocus value={old}
          onChange={(e) => setOld(e.target.value)} error={at('old')} />
        <Field label="New password" type="password" autoComplete="new-password" required value={next} onChange={(e) => setNext(e.target.value)}
          error={at('new') ?? at('password')} hint={`At least ${limits.password_min} characters. All your other sessions end.`} />
        <Fault text={elsewhere('old', 'new', 'password')} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button className="button primary" disabled={busy || !old || Array.from(next).length < limits.password_min}>
            Change password
          </button>
        </div>
      </form>
    </Dialog>
  )
}

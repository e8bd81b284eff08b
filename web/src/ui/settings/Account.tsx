import { useState } from 'react'
import { t } from '../../i18n'
import { changePassword } from '../../store/actions'
import { updateAccount } from '../../store/people'
import { toast, useApp, useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { Fault, Field, useSubmit } from '../kit/Form'
import { Switch } from '../kit/Switch'
import { RenameForm } from '../people/Rename'
import { Factor } from './Factor'
import { MailAddress } from './Mail'
import { Passkeys } from './Passkeys'
import { Sessions } from './Sessions'

/** Name and profile, password, mail address, devices. */
export function Account() {
  const me = useChat((s) => s.me)
  const external = useApp((a) => a.info?.external === true)
  const passwords = useApp((a) => !a.info?.no_passwords)
  return (
    <>
      {!external && (
        <section aria-labelledby="account-name">
          <h2 id="account-name">{t('rename.action')}</h2>
          <RenameForm name={me.name} hint={t('rename.ownHint')} save={(name) => updateAccount({ name })} />
        </section>
      )}
      <section aria-labelledby="account-profile">
        <h2 id="account-profile">{t('profile.title')}</h2>
        <p className="muted">{t('profile.hint')}</p>
        <div className="form-actions">
          <button className="button" onClick={() => openDialog({ kind: 'edit-profile' })}>
            {t('profile.edit')}
          </button>
        </div>
      </section>
      <Privacy />
      {!external && passwords && <Password />}
      {!external && passwords && <Factors />}
      {!external && <MailAddress />}
      <Sessions />
    </>
  )
}

/** Second factors; what there is of the one may change what can be done with the other. */
function Factors() {
  const [changes, setChanges] = useState(0)
  return (
    <>
      <Factor key={changes} />
      <Passkeys changed={() => setChanges((n) => n + 1)} />
    </>
  )
}

/** What others see of what one does. */
function Privacy() {
  const hides = useChat((s) => s.me.hides_reads === true)
  const receipts = useApp((a) => a.info?.read_receipts === true)
  const hidden = useChat((s) => s.me.hides_presence === true)
  return (
    <section aria-labelledby="account-privacy">
      <h2 id="account-privacy">{t('privacy.title')}</h2>
      <Switch label={t('seen.own')} hint={t('seen.ownHint')} on={!hidden} set={(on) => updateAccount({ hides_presence: !on })} />
      {receipts && <Switch label={t('readBy.own')} hint={t('readBy.ownHint')} on={!hides} set={(on) => updateAccount({ hides_reads: !on })} />}
    </section>
  )
}

function Password() {
  const limits = useChat((s) => s.limits)
  const me = useChat((s) => s.me)
  const [old, setOld] = useState('')
  const [next, setNext] = useState('')
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    await changePassword(old, next)
    setOld('')
    setNext('')
    toast(t('password.done'))
  })
  return (
    <section aria-labelledby="account-password">
      <h2 id="account-password">{t('account.password')}</h2>
      <form onSubmit={submit}>
        <input type="text" className="visually-hidden" autoComplete="username" value={me.name} readOnly tabIndex={-1} aria-hidden="true" />
        <Field label={t('password.old')} type="password" autoComplete="current-password" required value={old} onChange={(e) => setOld(e.target.value)} error={at('old')} />
        <Field label={t('password.new')} type="password" autoComplete="new-password" required value={next} onChange={(e) => setNext(e.target.value)}
          error={at('new') ?? at('password')} hint={t('password.hint', { count: limits.password_min })} />
        <Fault text={elsewhere('old', 'new', 'password')} />
        <div className="form-actions">
          <button className="button primary" disabled={busy || !old || Array.from(next).length < limits.password_min}>
            {t('account.password')}
          </button>
        </div>
      </form>
    </section>
  )
}

import { useState } from 'react'
import { t } from '../../i18n'
import { rest } from '../../protocol/rest'
import { resetPassword } from '../../store/actions'
import { useApp } from '../../store/store'
import { Fault, Field, useSubmit } from '../kit/Form'
import { useLogIn } from './useLogIn'

/** Asks for a link to set a new password. The answer is the same for every name. */
export function Forgot() {
  const [name, setName] = useState('')
  const [sent, setSent] = useState('')
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    await rest.forgot(name)
    setSent(name)
  })
  if (sent) {
    return (
      <p className="gate-note" role="status">
        {t('gate.forgotSent', { name: sent })}
      </p>
    )
  }
  return (
    <form onSubmit={submit}>
      <p className="gate-note">{t('gate.forgotText')}</p>
      <Field label={t('gate.name')} autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus value={name} onChange={(e) => setName(e.target.value)} error={at('name')} />
      <Fault text={elsewhere('name')} />
      <button className="button primary full" disabled={busy}>
        {t('gate.forgotSend')}
      </button>
    </form>
  )
}

/** Sets a new password with a link. */
export function Reset({ code }: { code: string }) {
  const fewest = useApp((a) => a.info!.limits.password_min)
  const [password, setPassword] = useState('')
  const { busy, submit, at, elsewhere, asked, field } = useLogIn((factor, passkey) => resetPassword(code, password, factor, passkey))
  return (
    <form onSubmit={submit}>
      <div hidden={asked}>
        <Field label={t('password.new')} type="password" autoComplete="new-password" required autoFocus minLength={fewest} value={password} onChange={(e) => setPassword(e.target.value)}
          error={at('password')} hint={t('password.hint', { count: fewest })} />
      </div>
      {field}
      <Fault text={elsewhere('password', ...(asked ? ['code'] : []))} />
      <button className="button primary full" disabled={busy}>
        {t('gate.saveAndLogIn')}
      </button>
    </form>
  )
}

import { useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { ApiError } from '../../protocol/error'
import { call } from '../../store/actions'
import { hasPasskeys, signInside } from '../../store/passkey'
import { useProof } from '../../store/proof'
import { useApp, useChat } from '../../store/store'
import { PasskeyButton } from '../auth/PasskeyButton'
import { CodeField } from '../auth/useLogIn'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'

/** Asks who it is, before something dangerous is done. */
export function Prove({ onClose }: { onClose: () => void }) {
  const name = useChat((s) => s.me.name)
  const elsewhereToo = useApp((a) => (a.info?.providers?.length ?? 0) > 0)
  const [by, setBy] = useState<'password' | 'code' | null>(null)
  const [typed, setTyped] = useState('')
  const [app, setApp] = useState(true)
  const [keys, setKeys] = useState(false)
  const signs = useRef(false)
  useEffect(() => {
    call('factor.get', {}).then(
      (f) => {
        setBy(f.enabled || f.passkeys ? 'code' : 'password')
        setApp(f.enabled)
        setKeys(Boolean(f.passkeys) && hasPasskeys())
      },
      () => setBy('password'),
    )
    return () => useProof.getState().answer?.(false) // unless it was answered
  }, [])
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    const passkey = signs.current
    signs.current = false
    try {
      if (passkey) await call('session.prove', { passkey: await signInside() })
      else await call('session.prove', by === 'code' ? { code: typed } : { password: typed })
    } catch (err) {
      if (err instanceof ApiError && err.because?.kind === 'code') setBy('code') // set up meanwhile, elsewhere
      throw err
    }
    useProof.getState().answer?.(true)
    onClose()
  })
  return (
    <Dialog title={t('prove.title')} onClose={onClose}>
      <form onSubmit={submit}>
        <p className="dialog-text">{t('prove.text')}</p>
        <input type="text" className="visually-hidden" autoComplete="username" value={name} readOnly tabIndex={-1} aria-hidden="true" />
        {keys && <PasskeyButton busy={busy} text={t('passkey.use')} use={() => ((signs.current = true), void submit())} />}
        {by === 'code' && <CodeField value={typed} set={setTyped} error={at('code')} hint={t(app ? 'factor.codeHint' : 'passkey.codeHint')} />}
        {by === 'password' && (
          <Field label={t('gate.password')} type="password" autoComplete="current-password" required autoFocus value={typed} onChange={(e) => setTyped(e.target.value)}
            error={at('password')} hint={elsewhereToo ? t('prove.elsewhere') : undefined} />
        )}
        <Fault text={elsewhere('code', 'password')} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button primary" disabled={busy || !by}>
            {t('prove.action')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

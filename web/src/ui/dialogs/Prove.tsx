import { useEffect, useState } from 'react'
import { t } from '../../i18n'
import { ApiError } from '../../protocol/error'
import { call } from '../../store/actions'
import { useProof } from '../../store/proof'
import { useApp, useChat } from '../../store/store'
import { CodeField } from '../auth/useLogIn'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'

/** Asks who it is, before something dangerous is done. */
export function Prove({ onClose }: { onClose: () => void }) {
  const name = useChat((s) => s.me.name)
  const elsewhereToo = useApp((a) => (a.info?.providers?.length ?? 0) > 0)
  const [by, setBy] = useState<'password' | 'code' | null>(null)
  const [typed, setTyped] = useState('')
  useEffect(() => {
    call('factor.get', {}).then(
      (f) => setBy(f.enabled ? 'code' : 'password'),
      () => setBy('password'),
    )
    return () => useProof.getState().answer?.(false) // unless it was answered
  }, [])
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    try {
      await call('session.prove', by === 'code' ? { code: typed } : { password: typed })
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
        {by === 'code' && <CodeField value={typed} set={setTyped} error={at('code')} hint={t('factor.codeHint')} />}
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

import { useEffect, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Factor as State } from '../../protocol/types'
import { call } from '../../store/actions'
import { toast } from '../../store/store'
import { NewFactor, RecoveryCodes } from '../auth/NewFactor'
import { openDialog } from '../dialogs/open'
import { Fault } from '../kit/Form'
import { dateWithYear } from '../kit/time'

/** The second factor of a log-in by password: an authenticator app, with recovery codes. */
export function Factor() {
  const [state, setState] = useState<State | null>(null)
  const [fault, setFault] = useState<string>()
  const [setsUp, setSetsUp] = useState(false)
  const [codes, setCodes] = useState<string[] | null>(null)
  const failed = (err: unknown) => setFault(explain(err))
  const refresh = () => call('factor.get', {}).then(setState, failed)
  useEffect(() => void refresh(), [])
  const shown = () => {
    setSetsUp(false)
    setCodes(null)
    void refresh()
  }
  const renew = () => {
    setFault(undefined)
    call('factor.recovery', {}).then((r) => setCodes(r.recovery), failed)
  }
  const turnOff = () =>
    openDialog({
      kind: 'confirm', title: t('factor.offTitle'), text: t('factor.offText'), action: t('factor.off'), danger: true,
      run: async () => {
        await call('factor.delete', {})
        toast(t('factor.removed'))
        void refresh()
      },
    })
  return (
    <section aria-labelledby="account-factor">
      <h2 id="account-factor">{t('factor.title')}</h2>
      <p className="muted">
        {state?.enabled ? t('factor.on', { date: dateWithYear(state.created_at!), left: state.recovery ?? 0 }) : t('factor.text')} {!state?.enabled && state?.passkeys ? t('passkey.left', { left: state.recovery ?? 0 }) : ''} {state?.demanded && t('factor.demanded')}
      </p>
      <Fault text={fault} />
      {setsUp ? (
        <NewFactor begin={() => call('factor.begin', {})} confirm={(code) => call('factor.confirm', { code })} done={shown} cancel={shown} />
      ) : codes ? (
        <RecoveryCodes codes={codes} done={shown} />
      ) : (
        state && (
          <div className="form-actions">
            {state.enabled && (!state.demanded || state.passkeys) && (
              <button className="button" onClick={turnOff}>
                {t('factor.off')}
              </button>
            )}
            {(state.enabled || state.passkeys) && (
              <button className="button" onClick={renew}>
                {t('factor.renew')}
              </button>
            )}
            <button className="button" onClick={() => setSetsUp(true)}>
              {t(state.enabled ? 'factor.replace' : 'factor.setUp')}
            </button>
          </div>
        )
      )}
    </section>
  )
}

import { KeyRound } from 'lucide-react'
import { t } from '../../i18n'
import { hasPasskeys, logInByPasskey } from '../../store/passkey'
import { Fault, useSubmit } from '../kit/Form'

/** Logs in with a passkey, where there are any. */
export function PasskeyLogIn() {
  const { busy, submit, elsewhere } = useSubmit(logInByPasskey)
  if (!hasPasskeys()) return null
  return (
    <div className="gate-passkey">
      <PasskeyButton busy={busy} text={t('passkey.logIn')} use={() => void submit()} />
      <Fault text={elsewhere()} />
    </div>
  )
}

export const PasskeyButton = ({ busy, text, use }: { busy: boolean; text: string; use: () => void }) => (
  <button type="button" className="button full" disabled={busy} onClick={use}>
    <KeyRound size={16} />
    {text}
  </button>
)

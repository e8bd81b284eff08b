import { useRef, useState } from 'react'
import { t } from '../../i18n'
import { rest } from '../../protocol/rest'
import { arrive, logOut } from '../../store/actions'
import { hasPasskeys, makePasskey } from '../../store/passkey'
import { Fault, useSubmit } from '../kit/Form'
import { Mark } from '../kit/Mark'
import { deviceName } from '../settings/Sessions'
import { NewFactor, RecoveryCodes } from './NewFactor'
import { PasskeyButton } from './PasskeyButton'

/** Before the chat, for those who need a second factor and have none. In a file of its own, as few see it. */
export function Enrol() {
  const session = useRef<Parameters<typeof arrive>[0]>(undefined)
  const confirm = async (code: string) => {
    const out = await rest.confirmFactor(code)
    session.current = out.logged_in
    return out
  }
  const [codes, setCodes] = useState<string[] | null>(null)
  const { busy, submit, elsewhere } = useSubmit(async () => {
    const passkey = await makePasskey(await rest.beginPasskey())
    const out = await rest.finishPasskey(deviceName(navigator.userAgent), passkey)
    session.current = out.logged_in
    setCodes(out.recovery)
  })
  return (
    <main className="gate">
      <div className="gate-card">
        <Mark size={48} />
        <h1>{t('factor.enrol')}</h1>
        <p className="gate-note">{t('factor.enrolText')}</p>
        {hasPasskeys() && !codes && (
          <>
            <PasskeyButton busy={busy} text={t('passkey.enrol')} use={() => void submit()} />
            <Fault text={elsewhere()} />
            <p className="gate-or">{t('gate.or')}</p>
          </>
        )}
        {codes ? <RecoveryCodes codes={codes} done={() => arrive(session.current)} /> : <NewFactor begin={rest.beginFactor} confirm={confirm} done={() => arrive(session.current)} cancel={() => void logOut()} />}
      </div>
    </main>
  )
}

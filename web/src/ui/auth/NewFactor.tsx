import { useEffect, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { NewFactor as Begun, Recovery } from '../../protocol/types'
import { Once } from '../dialogs/Once'
import { Fault, useSubmit } from '../kit/Form'
import { QRCode } from '../kit/QRCode'
import { CodeField } from './useLogIn'

interface Props {
  begin: () => Promise<Begun>
  confirm: (code: string) => Promise<Recovery>
  /** The codes have been seen. */
  done: () => void
  /** It was not wanted. */
  cancel?: () => void
}

/** Sets up a second factor: what to scan, the first code, then the recovery codes. */
export function NewFactor({ begin, confirm, done, cancel }: Props) {
  const [begun, setBegun] = useState<Begun | null>(null)
  const [fault, setFault] = useState<string>()
  const [recovery, setRecovery] = useState<string[] | null>(null)
  const [code, setCode] = useState('')
  useEffect(() => {
    begin().then(setBegun, (err: unknown) => setFault(explain(err)))
  }, [])
  const { busy, submit, at, elsewhere } = useSubmit(async () => setRecovery((await confirm(code)).recovery))
  if (recovery) return <RecoveryCodes codes={recovery} done={done} />
  if (!begun) {
    return (
      <>
        <Fault text={fault} />
        {fault ? cancel && <Cancel cancel={cancel} /> : <p className="list-empty">{t('app.loading')}</p>}
      </>
    )
  }
  return (
    <form className="new-factor" onSubmit={submit}>
      <p className="muted">{t('factor.scan')}</p>
      <QRCode text={begun.uri} label={t('factor.qr')} />
      <Once value={begun.secret} label={t('factor.key')} copy={t('factor.copyKey')} />
      <CodeField value={code} set={setCode} error={at('code')} />
      <Fault text={elsewhere('code')} />
      <div className="form-actions">
        {cancel && <Cancel cancel={cancel} />}
        <button className="button primary" disabled={busy}>
          {t('factor.confirm')}
        </button>
      </div>
    </form>
  )
}

const Cancel = ({ cancel }: { cancel: () => void }) => (
  <button type="button" className="button" onClick={cancel}>
    {t('app.cancel')}
  </button>
)

/** Codes that are shown once. */
export function RecoveryCodes({ codes, done }: { codes: string[]; done: () => void }) {
  return (
    <div className="new-factor">
      <h3>{t('factor.recovery')}</h3>
      <p className="muted">{t('factor.recoveryText')}</p>
      <ol className="recovery-codes" dir="ltr">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ol>
      <Once value={codes.join(' ')} label={t('factor.recovery')} copy={t('factor.copyCodes')} fresh />
      <div className="form-actions">
        <button type="button" className="button primary" onClick={done}>
          {t('factor.saved')}
        </button>
      </div>
    </div>
  )
}

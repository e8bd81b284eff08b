import { useRef, useState } from 'react'
import { t } from '../../i18n'
import { ApiError } from '../../protocol/error'
import type { PasskeyAnswer } from '../../protocol/types'
import { hasPasskeys, signOutside } from '../../store/passkey'
import { Field, useSubmit } from '../kit/Form'
import { PasskeyButton } from './PasskeyButton'

/** Runs a log-in, and asks for the second factor where there is one: a code, or a passkey. */
export function useLogIn(run: (code?: string, passkey?: PasskeyAnswer) => Promise<void>) {
  const [factors, setFactors] = useState<string[] | null>(null)
  const [code, setCode] = useState('')
  const signs = useRef(false)
  const form = useSubmit(async () => {
    const passkey = signs.current
    signs.current = false
    if (passkey) return run(undefined, await signOutside())
    try {
      await run(factors ? code : undefined)
    } catch (err) {
      if (factors || !(err instanceof ApiError && err.because?.kind === 'code')) throw err
      setFactors(err.because.factors ?? ['app'])
    }
  })
  const back = () => {
    setFactors(null)
    setCode('')
  }
  const sign = () => {
    signs.current = true
    void form.submit()
  }
  const field = factors && (
    <>
      {factors.includes('passkey') && hasPasskeys() && <PasskeyButton busy={form.busy} text={t('passkey.use')} use={sign} />}
      <CodeField value={code} set={setCode} error={form.at('code')} hint={t(factors.includes('app') ? 'factor.codeHint' : 'passkey.codeHint')} />
    </>
  )
  return { ...form, asked: factors !== null, back, field }
}

interface Props {
  value: string
  set: (value: string) => void
  error?: string
  hint?: string
}

/** Where a code of the second factor is typed. */
export const CodeField = ({ value, set, error, hint }: Props) => (
  <Field label={t('factor.code')} autoComplete="one-time-code" autoCapitalize="none" spellCheck={false} dir="ltr" required autoFocus value={value} maxLength={40}
    onChange={(e) => set(e.target.value)} error={error} hint={hint} />
)

import { useState } from 'react'
import { t } from '../../i18n'
import { ApiError } from '../../protocol/error'
import { Field, useSubmit } from '../kit/Form'

/** Runs a log-in, and asks for a code of the second factor where there is one. */
export function useLogIn(run: (code?: string) => Promise<void>) {
  const [asked, setAsked] = useState(false)
  const [code, setCode] = useState('')
  const form = useSubmit(async () => {
    try {
      await run(asked ? code : undefined)
    } catch (err) {
      if (asked || !(err instanceof ApiError && err.because?.kind === 'code')) throw err
      setAsked(true)
    }
  })
  const back = () => {
    setAsked(false)
    setCode('')
  }
  return { ...form, asked, back, field: asked && <CodeField value={code} set={setCode} error={form.at('code')} hint={t('factor.codeHint')} /> }
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

import { Check, Copy } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { copyText } from '../../store/copy'

interface Props {
  value: string
  label: string
  /** The name of the button that copies it. */
  copy: string
  hint?: string
  /** It has just come, and takes the focus. */
  fresh?: boolean
}

/** A line to be copied, which is selected when it has the focus, and then shows its beginning. */
export function Once({ value, label, copy, hint, fresh }: Props) {
  const input = useRef<HTMLInputElement>(null)
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    setCopied(false)
    if (fresh) input.current?.focus()
  }, [value])
  const run = () => {
    input.current?.focus()
    void copyText(value).then(setCopied)
  }
  return (
    <div className="copy-link">
      <input ref={input} readOnly value={value} aria-label={label} dir="ltr" onFocus={(e) => e.target.setSelectionRange(0, value.length, 'backward')} />
      <button type="button" className="button" onClick={run} aria-label={copy}>
        {copied ? <Check size={16} aria-hidden /> : <Copy size={16} aria-hidden />}
        {copied ? t('app.copied') : t('app.copy')}
      </button>
      {hint && <p className="field-hint">{hint}</p>}
    </div>
  )
}

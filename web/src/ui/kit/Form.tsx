import { type FormEvent, type InputHTMLAttributes, type ReactNode, useId, useState } from 'react'
import { ApiError, explain } from '../../protocol/error'

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string
  hint?: ReactNode
  error?: string
}

/** A labelled line of input with its hint and its fault. */
export function Field({ label, hint, error, ...input }: FieldProps) {
  const id = useId()
  const about = error || hint ? `${id}-about` : undefined
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} aria-invalid={error ? true : undefined} aria-describedby={about} {...input} />
      {error ? (
        <p id={about} className="field-error">
          {error}
        </p>
      ) : (
        hint && (
          <p id={about} className="field-hint">
            {hint}
          </p>
        )
      )}
    </div>
  )
}

interface Fault {
  field?: string
  text: string
}

/** Runs what a form does: once at a time, with its refusal beside the field at fault. */
export function useSubmit(run: () => Promise<void>) {
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<Fault | null>(null)
  const submit = async (e?: FormEvent) => {
    e?.preventDefault()
    if (busy) return
    setBusy(true)
    setFault(null)
    try {
      await run()
    } catch (err) {
      setFault({ text: explain(err), field: err instanceof ApiError ? err.field : undefined })
    } finally {
      setBusy(false)
    }
  }
  /** The fault of one field. */
  const at = (field: string) => (fault?.field === field ? fault.text : undefined)
  /** The fault, unless it is shown at one of these fields. */
  const elsewhere = (...fields: string[]) => (fault && !(fault.field && fields.includes(fault.field)) ? fault.text : undefined)
  return { busy, submit, at, elsewhere }
}

export function Fault({ text }: { text?: string }) {
  return (
    <div role="alert" className="fault-slot">
      {text && <p className="fault">{text}</p>}
    </div>
  )
}

import { useId } from 'react'

interface Props<T extends string> {
  label: string
  value: T
  options: { value: T; label: string }[]
  onChange: (value: T) => void
}

/** One of a few: all are seen. */
export function Choices<T extends string>({ label, value, options, onChange }: Props<T>) {
  const name = useId()
  return (
    <fieldset className="choices choice-row">
      <legend>{label}</legend>
      {options.map((o) => (
        <label key={o.value} className="choice">
          <input type="radio" name={name} checked={o.value === value} onChange={() => onChange(o.value)} />
          <b>{o.label}</b>
        </label>
      ))}
    </fieldset>
  )
}

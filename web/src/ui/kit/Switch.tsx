import { startTransition, useId, useOptimistic, useState } from 'react'
import { explain } from '../../protocol/error'

interface Props {
  label: string
  hint: string
  on: boolean
  /** Returns when the server has agreed. */
  set: (on: boolean) => Promise<unknown>
}

/** Something that is on or off on the server. What was clicked shows at once; a refusal takes it back. */
export function Switch({ label, hint, on, set }: Props) {
  const id = useId()
  const [fault, setFault] = useState('')
  const [shown, show] = useOptimistic(on)
  const change = (to: boolean) =>
    startTransition(async () => {
      show(to)
      await set(to).then(
        () => setFault(''),
        (err: unknown) => setFault(explain(err)),
      )
    })
  return (
    <label className="choice">
      <input type="checkbox" checked={shown} aria-describedby={id} onChange={(e) => change(e.target.checked)} />
      <span>
        <b>{label}</b>
        <small id={id}>{fault || hint}</small>
      </span>
    </label>
  )
}

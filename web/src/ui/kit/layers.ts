import { useEffect, useRef } from 'react'
import { openLayer, reopen } from '../../store/layers'
import { useMedia } from './hooks'

/** On a phone, makes Back close what is open. Again opens it when one comes back to where it lay. */
export function useLayer(isOpen: boolean, name: string, close: () => void, again?: () => void): void {
  const phone = useMedia('(max-width: 719px)')
  const run = useRef(close)
  run.current = close
  useEffect(() => {
    if (again) reopen[name] = again
  })
  useEffect(() => (isOpen && phone ? openLayer(name, () => run.current()) : undefined), [isOpen, phone, name])
}

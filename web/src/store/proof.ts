// A fresh proof that it is really the person, which the server asks for before
// what is dangerous: a dialog gets it, and what was asked for is done then.

import { create } from 'zustand'

/** Who waits for a proof, if anybody does. */
export const useProof = create<{ answer: ((proven: boolean) => void) | null }>()(() => ({ answer: null }))

let asking: Promise<boolean> | null = null

/** Asks for a proof; false if the person would not. Those who ask at the same time share one. */
export function askProof(): Promise<boolean> {
  asking ??= new Promise<boolean>((answer) => useProof.setState({ answer })).finally(() => {
    asking = null
    useProof.setState({ answer: null })
  })
  return asking
}

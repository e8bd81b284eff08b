import { type ComponentProps, type ComponentType, useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { useProof } from '../../store/proof'
import { toast } from '../../store/toasts'
import { Confirm } from './Confirm'
import type { More } from './More'
import { closeDialog, type Open, openOver, useOpen } from './open'
import { Switcher } from './Switcher'

type Rest = ComponentProps<typeof More>

/** What is open. */
export function Dialogs() {
  const { open, over } = useOpen()
  const asked = useProof((p) => p.answer !== null)
  useEffect(() => void (asked && openOver({ kind: 'prove' })), [asked])
  useEffect(() => {
    // Most are loaded when there is time for it, so that they are there at
    // once, also without a connection.
    const timer = setTimeout(() => void import('./More').catch(() => {}), 3000)
    return () => clearTimeout(timer)
  }, [])
  return (
    <>
      {open && <One open={open} />}
      {over && <One open={over} />}
    </>
  )
}

function One({ open }: { open: Open }) {
  switch (open.kind) {
    case 'switcher':
      return <Switcher onClose={closeDialog} />
    case 'confirm':
      return <Confirm {...open} onClose={closeDialog} />
    default:
      return <Later open={open} />
  }
}

function Later({ open }: Rest) {
  const [Part, setPart] = useState<ComponentType<Rest> | null>(null)
  useEffect(() => {
    let gone = false
    import('./More').then(
      (m) => !gone && setPart(() => m.More),
      () => {
        // No connection, or the server has a newer client.
        if (gone) return
        closeDialog()
        toast(t('app.partFailed'))
      },
    )
    return () => {
      gone = true
    }
  }, [])
  useTypedAhead(Part !== null)
  return Part && <Part open={open} />
}

/** What is typed before a dialog is there goes into its first field, and not into what lies below. */
function useTypedAhead(there: boolean): void {
  const typed = useRef('')
  useEffect(() => {
    if (there) {
      if (typed.current && document.activeElement?.matches('dialog :is(input, textarea)')) document.execCommand('insertText', false, typed.current)
      return
    }
    const key = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return
      if (e.key === 'Escape') closeDialog()
      else if (e.key === 'Backspace') typed.current = typed.current.slice(0, -1)
      else if (e.key.length === 1) typed.current += e.key
      else if (e.key !== 'Enter') return
      e.preventDefault()
      e.stopPropagation()
    }
    window.addEventListener('keydown', key, { capture: true })
    return () => window.removeEventListener('keydown', key, { capture: true })
  }, [there])
}

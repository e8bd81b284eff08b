import { X } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { dismiss, type Toast, undo, useToasts } from '../../store/toasts'

const shownFor = 6_000

/** Short messages at the foot of the page, gone by themselves unless one points at them or has the focus there. A modal dialog has its own. */
export function Toasts({ dialog = 0 }: { dialog?: number }) {
  const list = useToasts((s) => s.list)
  const here = useToasts((s) => s.dialogs === dialog)
  const [held, setHeld] = useState(false)
  const before = useRef<Element | null>(null) // what had the focus
  if (list.length === 0 && held) setHeld(false)
  const leave = (act: () => void) => {
    act()
    if (before.current instanceof HTMLElement && before.current.isConnected) before.current.focus()
  }
  return (
    <div
      className="toasts"
      role="status"
      aria-live="polite"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={(e) => setHeld(e.currentTarget.contains(document.activeElement))}
      onFocus={(e) => {
        setHeld(true)
        if (!e.currentTarget.contains(e.relatedTarget)) before.current = e.relatedTarget
      }}
      onBlur={(e) => setHeld(e.currentTarget.contains(e.relatedTarget))}
    >
      {here &&
        list.map((toast) => <Item key={toast.id} toast={toast} held={held} leave={leave} />)}
    </div>
  )
}

function Item({ toast, held, leave }: { toast: Toast; held: boolean; leave: (act: () => void) => void }) {
  const left = useRef(shownFor)
  useEffect(() => {
    if (held) return
    const began = Date.now()
    const timer = setTimeout(() => dismiss(toast.id), left.current)
    return () => {
      clearTimeout(timer)
      left.current = Math.max(1_500, left.current - (Date.now() - began))
    }
  }, [held, toast.id])
  return (
    <div className="toast" onKeyDown={(e) => e.key === 'Escape' && (e.stopPropagation(), leave(() => dismiss(toast.id)))}>
      <span>{toast.text}</span>
      {toast.undo && (
        <>
          <button type="button" className="toast-undo" onClick={() => leave(() => undo(toast.id))}>
            {t('undo.undo')}
          </button>
          <button type="button" className="toast-close" aria-label={t('app.close')} onClick={() => leave(() => dismiss(toast.id))}>
            <X size={16} />
          </button>
        </>
      )}
    </div>
  )
}

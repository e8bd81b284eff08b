import { X } from 'lucide-react'
import { createContext, type ReactNode, type RefObject, useEffect, useId, useRef, useState } from 'react'
import { t } from '../../i18n'
import { useToasts } from '../../store/toasts'
import { Toasts } from './Toast'

/** The dialog that something is in: what floats above the page has to be in it too, or it would be behind it. */
export const InDialog = createContext<HTMLElement | null>(null)

interface Props {
  title: string
  onClose: () => void
  children: ReactNode
  wide?: boolean
  /** Over the whole window. */
  full?: boolean
  /** Without a visible title and frame: the quick switcher. */
  bare?: boolean
  /** True when the dialog led elsewhere: the focus then goes to where one writes, not back. */
  left?: RefObject<boolean>
}

/** A modal dialog on the browser's own: it keeps the focus inside, closes on Escape, and gives the focus back. */
export function Dialog({ title, onClose, children, wide, full, bare, left }: Props) {
  const ref = useRef<HTMLDialogElement>(null)
  const titleID = useId()
  const [level, setLevel] = useState(0)
  const [element, setElement] = useState<HTMLElement | null>(null)
  useEffect(() => {
    const dialog = ref.current!
    const before = document.activeElement
    setElement(dialog)
    dialog.showModal()
    // All else is out of reach now, so the toasts are shown in here.
    const dialogs = useToasts.getState().dialogs + 1
    useToasts.setState({ dialogs })
    setLevel(dialogs)
    // The first thing to fill in, else what the dialog is for; not the button
    // that closes it.
    const first = dialog.querySelector<HTMLElement>('input:not([type=radio], [hidden], [readonly]), select, textarea, .dialog-actions button:last-child')
    ;(first ?? dialog).focus()
    return () => {
      dialog.close()
      useToasts.setState((s) => ({ dialogs: s.dialogs - 1 }))
      // What had the focus may be gone with what the dialog was about.
      const back = before instanceof HTMLElement && before !== document.body && before.isConnected && !left?.current ? before : null
      const field = window.matchMedia('(pointer: coarse)').matches ? null : document.querySelector<HTMLElement>('.composer textarea')
      ;(back ?? field)?.focus()
    }
  }, [])
  return (
    <dialog
      ref={ref}
      tabIndex={-1}
      className={`dialog${wide ? ' wide' : ''}${full ? ' full' : ''}${bare ? ' bare' : ''}`}
      aria-labelledby={titleID}
      onCancel={(e) => {
        e.preventDefault()
        onClose()
      }}
      onMouseDown={(e) => {
        if (e.target === ref.current) onClose()
      }}
    >
      <div className="dialog-body">
        <header className={bare ? 'visually-hidden' : 'dialog-head'}>
          <h2 id={titleID}>{title}</h2>
          {!bare && (
            <button type="button" className="icon-button" onClick={onClose} aria-label={t('app.close')}>
              <X size={18} />
            </button>
          )}
        </header>
        <InDialog value={element}>{children}</InDialog>
      </div>
      {level > 0 && <Toasts dialog={level} />}
    </dialog>
  )
}

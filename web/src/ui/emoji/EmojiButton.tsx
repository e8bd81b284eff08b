import { Smile } from 'lucide-react'
import { type ComponentType, useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { toast } from '../../store/store'

type Picker = ComponentType<{ onPick: (emoji: string) => void }>

/** Opens the picker over the composer. `onDone` gets the emoji, or null when none was chosen: time to give the focus back. */
export function EmojiButton({ label = t('emoji.open'), sign, onDone }: { label?: string; sign?: string; onDone: (emoji: string | null) => void }) {
  const [Picker, setPicker] = useState<Picker | null>(null)
  const [open, setOpen] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  const done = useRef(onDone)
  done.current = onDone
  useEffect(() => {
    if (!open) return
    const away = (e: MouseEvent) => {
      if (e.target instanceof Node && !box.current?.contains(e.target)) setOpen(false)
    }
    document.addEventListener('mousedown', away)
    return () => document.removeEventListener('mousedown', away)
  }, [open])
  const toggle = () => {
    if (open || Picker) return setOpen(!open)
    import('./Picker').then(
      (m) => {
        setPicker(() => m.Picker)
        setOpen(true)
      },
      () => toast(t('emoji.failed')), // no connection, or the server has a newer client
    )
  }
  const close = (emoji: string | null) => {
    setOpen(false)
    done.current(emoji)
  }
  return (
    <div
      ref={box}
      className="emoji-anchor"
      onKeyDown={(e) => {
        if (e.key !== 'Escape' || !open) return
        e.preventDefault()
        e.stopPropagation()
        close(null)
      }}
    >
      <button type="button" className="icon-button" aria-label={label} aria-haspopup="dialog" aria-expanded={open} onClick={toggle}>
        {sign ? <span aria-hidden="true">{sign}</span> : <Smile size={19} />}
      </button>
      {open && Picker && (
        <div className="emoji-pop" role="dialog" aria-label={label}>
          <Picker onPick={close} />
        </div>
      )}
    </div>
  )
}

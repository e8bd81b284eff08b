import { Smile } from 'lucide-react'
import { type ComponentType, useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { useChoices } from '../../store/choices'
import { quickReactions } from '../../store/recent'
import { toast } from '../../store/store'
import { isTouch } from '../kit/hooks'
import { useLayer } from '../kit/layers'
import { Popover } from '../kit/Popover'
import { Emoji } from './Emoji'

type Picker = ComponentType<{ onPick: (emoji: string) => void }>

interface Props {
  label?: string
  sign?: string
  /** Offers the usual reactions before all others. */
  quick?: boolean
  /** Gets the emoji, or null when none was chosen: time to give the focus back. */
  onDone: (emoji: string | null) => void
}

/** Opens the emoji to choose from. */
export function EmojiButton({ label = t('emoji.open'), sign, quick, onDone }: Props) {
  useChoices() // the skin tone of the quick ones
  const [Picker, setPicker] = useState<Picker | null>(null)
  const [open, setOpen] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  const done = useRef(onDone)
  done.current = onDone
  useLayer(open, 'emoji', () => setOpen(false))
  useEffect(() => {
    if (!open) return
    const away = (e: MouseEvent) => {
      if (e.target instanceof Node && !box.current?.contains(e.target)) setOpen(false)
    }
    document.addEventListener('mousedown', away)
    return () => document.removeEventListener('mousedown', away)
  }, [open])
  useEffect(() => {
    // Not on touch: the keyboard would come up over the emoji.
    if (open && Picker && !isTouch()) box.current?.querySelector<HTMLElement>('.popover .search')?.focus({ preventScroll: true })
  }, [open, Picker])
  const toggle = () => {
    setOpen(!open)
    if (open || Picker) return
    import('./Picker').then(
      (m) => setPicker(() => m.Picker),
      () => {
        // No connection, or the server has a newer client.
        if (!quick) setOpen(false)
        toast(t('emoji.failed'))
      },
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
      <button type="button" className="icon-button" aria-label={label} title={label} aria-haspopup="dialog" aria-expanded={open} onClick={toggle}>
        {sign ? <span aria-hidden="true"><Emoji emoji={sign} /></span> : <Smile size={19} />}
      </button>
      {open && (quick || Picker) && (
        <Popover anchor={box} label={label}>
          {quick && (
            <div className="quick-reactions">
              {quickReactions().map((emoji) => (
                <button key={emoji} type="button" aria-label={t('message.reactWith', { emoji })} onClick={() => close(emoji)}>
                  <Emoji emoji={emoji} />
                </button>
              ))}
            </div>
          )}
          {Picker && <Picker onPick={close} />}
        </Popover>
      )}
    </div>
  )
}

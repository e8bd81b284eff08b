import * as Radix from '@radix-ui/react-dropdown-menu'
import { Check } from 'lucide-react'
import { type KeyboardEvent, type ReactElement, type ReactNode, useContext, useRef } from 'react'
import { createPortal } from 'react-dom'
import { InDialog } from './Dialog'

interface Props {
  /** The button that opens it. */
  trigger: ReactElement
  children: ReactNode
  align?: 'start' | 'end'
  onOpen?: () => void
  /** Whether it is open, where something else opens it too. */
  open?: boolean
  onChange?: (open: boolean) => void
  /** On a phone it lies at the foot of the window, above all else. */
  sheet?: boolean
}

/**
 * Letters find an item, and Radix moves the focus to it by a timer, which may
 * come after the next keys: Enter, right behind the letters, would choose the
 * item before. So it waits for the timers that stand before it.
 */
function useTyped() {
  const moving = useRef(0)
  return (e: KeyboardEvent) => {
    if (e.key.length === 1) {
      moving.current++
      setTimeout(() => moving.current--)
    } else if (e.key === 'Enter' && moving.current > 0) {
      e.preventDefault()
      e.stopPropagation()
      const menu = e.currentTarget
      setTimeout(() => {
        const item = document.activeElement
        if (item instanceof HTMLElement && item !== menu && menu.contains(item)) item.click()
      })
    }
  }
}

/** A menu under a button. Not modal: the modal kind writes style tags, which the page's policy forbids. */
export function Menu({ trigger, children, align = 'end', onOpen, open, onChange, sheet }: Props) {
  const dialog = useContext(InDialog)
  const typed = useTyped()
  const toggle = (to: boolean) => {
    if (to) onOpen?.()
    onChange?.(to)
  }
  return (
    <Radix.Root open={open} modal={false} dir={document.documentElement.dir === 'rtl' ? 'rtl' : 'ltr'} onOpenChange={toggle}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      {sheet && open && createPortal(<div className="sheet-back" />, dialog ?? document.body)}
      <Radix.Portal container={dialog}>
        <Radix.Content className={sheet ? 'menu sheet' : 'menu'} align={align} sideOffset={6} collisionPadding={8} loop onKeyDownCapture={typed}>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

interface AtProps {
  /** The menu stands below it, and gives the focus back to the first button in it. */
  anchor: HTMLElement
  label: string
  onClose: () => void
  children: ReactNode
}

/** A menu that is open, beside something that is no button of its own. */
export function MenuAt({ anchor, label, onClose, children }: AtProps) {
  const typed = useTyped()
  const { top, left, width, height } = anchor.getBoundingClientRect()
  return (
    <Radix.Root open modal={false} dir={document.documentElement.dir === 'rtl' ? 'rtl' : 'ltr'} onOpenChange={(open) => open || onClose()}>
      {createPortal(
        <Radix.Trigger asChild>
          <span aria-hidden tabIndex={-1} className="menu-anchor" style={{ top, left, width, height }} />
        </Radix.Trigger>,
        document.body,
      )}
      <Radix.Portal>
        <Radix.Content
          className="menu"
          align="center"
          sideOffset={-4}
          collisionPadding={8}
          loop
          onKeyDownCapture={typed}
          aria-label={label}
          aria-labelledby={undefined}
          onCloseAutoFocus={(e) => {
            e.preventDefault()
            if (document.activeElement === document.body) anchor.querySelector('button')?.focus({ preventScroll: true })
          }}
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

interface CheckProps {
  checked: boolean
  onChange: (checked: boolean) => void
  children: ReactNode
}

/** Something that is on or off. */
export function MenuCheck({ checked, onChange, children }: CheckProps) {
  return (
    <Radix.CheckboxItem className="menu-item" checked={checked} onCheckedChange={onChange}>
      {checked ? <Check size={16} /> : <span className="menu-unchecked" />}
      <span>{children}</span>
    </Radix.CheckboxItem>
  )
}

interface ItemProps {
  icon?: ReactNode
  danger?: boolean
  onSelect: () => void
  children: ReactNode
}

export function MenuItem({ icon, danger, onSelect, children }: ItemProps) {
  return (
    <Radix.Item className={danger ? 'menu-item danger' : 'menu-item'} onSelect={onSelect}>
      {icon}
      <span>{children}</span>
    </Radix.Item>
  )
}

interface RowProps {
  items: { sign: string; label: string; onSelect: () => void }[]
}

/** A few items beside each other, each a sign. */
export function MenuRow({ items }: RowProps) {
  return (
    <div className="menu-row" role="group">
      {items.map((i) => (
        <Radix.Item key={i.sign} className="menu-sign" aria-label={i.label} onSelect={i.onSelect}>
          {i.sign}
        </Radix.Item>
      ))}
    </div>
  )
}

interface ChoiceProps {
  label: string
  value: string
  options: { value: string; label: string; icon?: ReactNode }[]
  onChange: (value: string) => void
}

/** A few alternatives, one of them chosen. */
export function MenuChoice({ label, value, options, onChange }: ChoiceProps) {
  return (
    <Radix.RadioGroup className="menu-choice" value={value} onValueChange={onChange} aria-label={label}>
      {options.map((o) => (
        <Radix.RadioItem key={o.value} value={o.value} className="menu-choice-item" onSelect={(e) => e.preventDefault()}>
          {o.icon}
          <span>{o.label}</span>
        </Radix.RadioItem>
      ))}
    </Radix.RadioGroup>
  )
}

export const MenuLine = () => <Radix.Separator className="menu-line" />
export const MenuText = ({ children }: { children: ReactNode }) => <Radix.Label className="menu-text">{children}</Radix.Label>

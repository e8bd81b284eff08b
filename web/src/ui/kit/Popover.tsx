import { type ReactNode, type RefObject, useLayoutEffect, useRef } from 'react'
import { isPhone } from './hooks'

const margin = 8 // px between it and the window's edges
const gap = 6 // px between it and what it belongs to

interface Props {
  /** What it belongs to: it stands above or below that. */
  anchor: RefObject<HTMLElement | null>
  label: string
  children: ReactNode
}

/** Floats over everything, where there is room for it; on a phone it is a sheet at the foot of the window. */
export function Popover({ anchor, label, children }: Props) {
  const ref = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const el = ref.current!
    const place = () => {
      const a = anchor.current?.getBoundingClientRect()
      if (!a) return
      if (isPhone()) return el.removeAttribute('style')
      const above = a.top - gap - margin
      const below = window.innerHeight - a.bottom - gap - margin
      el.style.maxHeight = `${Math.max(above, below)}px`
      const { offsetWidth: width, offsetHeight: height } = el
      const up = above >= height || above >= below
      const start = document.documentElement.dir === 'rtl' ? a.left : a.right - width
      el.style.left = `${Math.max(margin, Math.min(start, window.innerWidth - margin - width))}px`
      el.style.top = `${up ? a.top - gap - height : a.bottom + gap}px`
    }
    el.showPopover?.() // above modal dialogs, too
    place()
    const observer = new ResizeObserver(place)
    observer.observe(el)
    window.addEventListener('resize', place)
    document.addEventListener('scroll', place, { capture: true, passive: true })
    return () => {
      observer.disconnect()
      window.removeEventListener('resize', place)
      document.removeEventListener('scroll', place, { capture: true })
    }
  }, [anchor])
  return (
    <div ref={ref} popover="manual" className="popover" role="dialog" aria-label={label}>
      {children}
    </div>
  )
}

import { type KeyboardEvent, useEffect, useReducer, useState, useSyncExternalStore } from 'react'
import { before } from '../../store/person'

/** Whether this is one of Apple's, where commands are given with ⌘. */
export const mac = /Mac|iPhone|iPad/.test(navigator.platform)

const onFocusChange = (f: () => void) => {
  window.addEventListener('focus', f)
  window.addEventListener('blur', f)
  document.addEventListener('visibilitychange', f)
  return () => {
    window.removeEventListener('focus', f)
    window.removeEventListener('blur', f)
    document.removeEventListener('visibilitychange', f)
  }
}

/** Whether the person is looking at this page. */
export function useFocused(): boolean {
  return useSyncExternalStore(onFocusChange, () => document.visibilityState === 'visible' && document.hasFocus())
}

/** Whether a media query holds. */
export function useMedia(query: string): boolean {
  const [media] = useState(() => window.matchMedia(query))
  return useSyncExternalStore(
    (f) => {
      media.addEventListener('change', f)
      return () => media.removeEventListener('change', f)
    },
    () => media.matches,
  )
}

export const isPhone = (): boolean => window.matchMedia('(max-width: 719px)').matches
export const isTouch = (): boolean => window.matchMedia('(pointer: coarse)').matches

/** The time, renewed every so many ms. */
export function useNow(every: number): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every)
    return () => clearInterval(timer)
  }, [every])
  return now
}

const longest = 2 ** 31 - 1 // ms that a timer can wait

/** Whether a moment is still to come. What is drawn with it is drawn again when it is over. */
export function useBefore(moment: string | undefined): boolean {
  const [turn, again] = useReducer((n: number) => n + 1, 0)
  useEffect(() => {
    const left = moment ? Date.parse(moment) - Date.now() : 0
    if (!(left > 0)) return
    const timer = setTimeout(again, Math.min(left, longest))
    return () => clearTimeout(timer)
  }, [moment, turn])
  return before(moment, Date.now())
}

/** Arrow keys, Home and End move the focus among the [data-nav] elements inside. */
export function arrowKeys(e: KeyboardEvent<HTMLElement>): void {
  const moves: Record<string, (i: number, n: number) => number> = {
    ArrowDown: (i, n) => Math.min(i + 1, n - 1),
    ArrowUp: (i) => Math.max(i - 1, 0),
    Home: () => 0,
    End: (_, n) => n - 1,
  }
  const move = moves[e.key]
  if (!move || e.altKey || e.ctrlKey || e.metaKey) return
  const items = Array.from(e.currentTarget.querySelectorAll<HTMLElement>('[data-nav]'))
  const at = items.findIndex((i) => i === document.activeElement)
  if (at < 0) return
  e.preventDefault()
  items[move(at, items.length)]?.focus()
}

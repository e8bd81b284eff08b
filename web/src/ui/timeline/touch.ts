import { type RefObject, useEffect } from 'react'
import { barOf, homeOf } from '../../store/gate'
import { openThread, point, quote, useMarks } from '../../store/marks'
import { viewOf } from '../../store/room'
import type { Message } from '../../protocol/types'
import { useApp } from '../../store/store'

const hold = 450 // ms until a touch is a long one
const slip = 10 // px that a finger moves while it rests
const far = 56 // px of a swipe that means it
const furthest = 84 // px that a message moves with the finger

/** What has its own way with fingers: links, fields, and what scrolls sideways. */
const taken = (el: Element) =>
  el.closest('a[href], textarea, input, .message-actions') !== null || [el.closest('pre'), el.closest('.table')].some((x) => x !== null && x.scrollWidth > x.clientWidth)

/** Touch: a long press on a message opens its menu, and a swipe to where lines begin answers it. */
export function useTouch(box: RefObject<HTMLElement | null>, room: string): void {
  useEffect(() => {
    const el = box.current!
    let row: HTMLElement | null = null // the message under the finger
    let start = { x: 0, y: 0 }
    let way: 'none' | 'held' | 'swiped' = 'none'
    let timer: ReturnType<typeof setTimeout> | undefined
    const message = (): Message | undefined => {
      const no = Number(row?.dataset.no)
      return useApp.getState().chat?.timelines[room]?.messages.find((m) => m.no === no)
    }
    const rtl = () => document.documentElement.dir === 'rtl'
    const end = () => {
      clearTimeout(timer)
      row?.classList.remove('swiped', 'meant')
      row?.style.removeProperty('translate')
      row = null
      way = 'none'
    }
    const begin = (e: TouchEvent) => {
      end()
      const at = e.target as Element
      row = e.touches.length === 1 && !taken(at) ? at.closest<HTMLElement>('article[data-no]') : null
      if (!row || message()?.deleted_at !== undefined) return void (row = null)
      start = { x: e.touches[0]!.clientX, y: e.touches[0]!.clientY }
      timer = setTimeout(() => {
        const m = message()
        if (!m) return
        way = 'held'
        const key = `${m.room}/${m.no}`
        point(key)
        useMarks.setState({ menu: key })
      }, hold)
    }
    const moved = (e: TouchEvent) => {
      if (!row || way === 'held') return
      const x = e.touches[0]!.clientX - start.x
      const y = e.touches[0]!.clientY - start.y
      if (Math.hypot(x, y) > slip) clearTimeout(timer)
      const back = rtl() ? x : -x
      if (way === 'none') {
        if (Math.abs(y) > slip) return end()
        if (back < slip || back < 2 * Math.abs(y)) return
        way = 'swiped'
        row.classList.add('swiped')
      }
      const by = Math.max(0, Math.min(back, furthest))
      row.style.translate = `${rtl() ? by : -by}px`
      row.classList.toggle('meant', by >= far)
    }
    const lifted = (e: TouchEvent) => {
      const meant = row?.classList.contains('meant') ?? false
      const m = message()
      // Otherwise a click follows, on what lies under the finger now.
      if (way !== 'none' && e.cancelable) e.preventDefault()
      end()
      if (meant && m) answer(m)
    }
    const context = (e: Event) => way === 'held' && e.preventDefault()
    el.addEventListener('touchstart', begin, { passive: true })
    el.addEventListener('touchmove', moved, { passive: true })
    el.addEventListener('touchend', lifted)
    el.addEventListener('touchcancel', end)
    el.addEventListener('contextmenu', context)
    return () => {
      end()
      el.removeEventListener('touchstart', begin)
      el.removeEventListener('touchmove', moved)
      el.removeEventListener('touchend', lifted)
      el.removeEventListener('touchcancel', end)
      el.removeEventListener('contextmenu', context)
    }
  }, [box, room])
}

/** In a room in its thread, in a thread as a quote. */
function answer(m: Message): void {
  const { chat, ahead } = useApp.getState()
  const view = chat && viewOf(chat, m.room)
  if (!chat || !view) return
  const open = barOf(homeOf(chat, view), Date.now(), ahead).kind === 'open'
  if (view.kind === 'thread') return void (open && m.text && quote(m))
  if (open || m.thread) void openThread(m)
}

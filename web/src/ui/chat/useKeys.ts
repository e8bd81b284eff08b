import { useEffect, useRef } from 'react'
import { openRoom } from '../../store/actions'
import { useMarks } from '../../store/marks'
import { documentOf } from '../../store/documents'
import { derived } from '../../store/rooms'
import { type Layout, sections } from '../../store/sidebar'
import { useApp } from '../../store/store'
import { undo, useToasts } from '../../store/toasts'
import { markEverythingRead } from '../../store/unread'
import { closeDialog, openDialog, useOpen } from '../dialogs/open'

/** Where F6 goes, one after the other: what of each part of the screen takes the focus. */
const parts = [
  ['.sidebar', '[data-nav][tabindex="0"]'],
  ['.timeline-wrap', '.timeline'],
  ['.composer', 'textarea'],
  ['.members', '[data-nav]:not(:disabled)'],
  ['.toasts', '.toast-undo'],
] as const

/** The keys that work everywhere in the chat. dialogs/Keys.tsx lists them. */
export function useKeys(closePanel: () => void): void {
  const close = useRef(closePanel)
  close.current = closePanel
  useEffect(() => {
    const keys = (e: KeyboardEvent) => {
      if (e.defaultPrevented || e.isComposing) return
      const command = (e.ctrlKey || e.metaKey) && !e.altKey
      const { open } = useOpen.getState()
      if (command && e.key.toLowerCase() === 'k') openDialog({ kind: 'switcher' })
      else if (command && e.shiftKey && e.key.toLowerCase() === 'f') useMarks.setState({ searching: true })
      else if ((command && e.key === '/') || (e.key === '?' && !writes(e.target))) {
        if (open?.kind === 'keys') closeDialog()
        else if (!open) openDialog({ kind: 'keys' })
        else return
      } else if (open) return
      else if (e.altKey && !command && (e.key === 'ArrowUp' || e.key === 'ArrowDown')) neighbour(e.key === 'ArrowUp' ? -1 : 1, e.shiftKey)
      else if (command && !e.shiftKey && e.key.toLowerCase() === 'z' && !writes(e.target)) {
        const last = useToasts.getState().list.findLast((x) => x.undo)
        if (!last) return
        undo(last.id)
      } else if (e.key === 'Escape' && e.shiftKey) markEverythingRead()
      else if (e.key === 'F6' && !command && !e.altKey) nextPart(e.shiftKey ? -1 : 1)
      else if (e.key === 'Escape') return close.current()
      else return
      e.preventDefault()
    }
    window.addEventListener('keydown', keys)
    return () => window.removeEventListener('keydown', keys)
  }, [])
}

const writes = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName) || (target instanceof HTMLInputElement && !/^(checkbox|radio|button)$/.test(target.type)))

/** Opens the room before or after the open one on the list, or the next one with something unread. */
function neighbour(step: 1 | -1, unread: boolean): void {
  const { chat, room } = useApp.getState()
  if (!chat) return
  const all = sections(chat, documentOf<Layout>('sidebar'), room, useApp.getState().held).flatMap((x) => (x.id === 'archived' ? [] : x.rooms))
  const at = room === null ? -1 : all.indexOf(room)
  for (let i = 1; i <= all.length; i++) {
    // Among all it stops at the ends; what is unread is looked for all around.
    const to = at < 0 ? (step > 0 ? i - 1 : all.length - i) : at + i * step
    const next = unread ? all[(to + all.length) % all.length] : all[to]
    if (!next) return
    if (next !== room && (!unread || derived(chat).unread.has(next))) return openRoom(next)
  }
}

export const nextUnread = () => neighbour(1, true)

function nextPart(step: 1 | -1): void {
  const here = parts.map(([part]) => document.querySelector<HTMLElement>(part))
  const at = here.findIndex((el) => el?.contains(document.activeElement))
  for (let i = 1; i <= parts.length; i++) {
    const next = (Math.max(at, step > 0 ? -1 : 0) + i * step + parts.length) % parts.length
    const target = here[next]?.checkVisibility() ? here[next].querySelector<HTMLElement>(parts[next]![1]) : null
    if (target) return target.focus()
  }
}

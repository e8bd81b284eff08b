import { useEffect } from 'react'
import { ask } from '../../notify/ask'
import { clear, noticeOf, permission, show } from '../../notify/notify'
import { keepPush } from '../../notify/push'
import { follow, openRoom } from '../../store/actions'
import { goToRoom } from '../../store/marks'
import { useApp } from '../../store/store'

/** Opens a room as it is; of a thread, the reply. */
const open = (room: string, no: number | null) => void (room.startsWith('t-') ? goToRoom(room, no) : openRoom(room))

/** Tells this person of what concerns them while the page is hidden, and opens the room that they click on. */
export function useNotify(): void {
  useEffect(() => {
    const stop = follow((e) => {
      const { chat } = useApp.getState()
      if (!chat) return
      if (e.kind === 'read.moved' && e.read) return void clear(e.read)
      const on = permission() === 'on'
      if (on && document.visibilityState === 'visible') return
      const notice = noticeOf(chat, e, Date.now())
      if (notice && !on) ask()
      else if (notice) void show(notice, open).catch(() => {}) // the permission may be gone since
    })
    const clicked = (e: MessageEvent) => {
      const data = e.data as { kind?: string; room?: unknown; no?: unknown } | null
      if (data?.kind === 'open-room' && typeof data.room === 'string') open(data.room, Number(data.no) || null)
    }
    const me = useApp.getState().chat?.me.id
    if (me) keepPush(me).catch(() => {}) // at the next visit
    const seen = () => {
      if (document.visibilityState === 'visible') void clear()
    }
    navigator.serviceWorker?.addEventListener('message', clicked)
    document.addEventListener('visibilitychange', seen)
    return () => {
      stop()
      navigator.serviceWorker?.removeEventListener('message', clicked)
      document.removeEventListener('visibilitychange', seen)
    }
  }, [])
}

import { useEffect, useReducer } from 'react'
import type { RoomView } from '../../protocol/types'
import { barOf, type Gate, homeOf, mayPost, slowUntil } from '../../store/gate'
import { viewOf } from '../../store/room'
import { useApp, useChat } from '../../store/store'

const longest = 2 ** 31 - 1 // ms that a timer can wait

/** What holds one back in a room now. It is looked at again when that is over. */
export function useGate(room: RoomView): Gate {
  const home = useChat((s) => homeOf(s, room))
  const me = useChat((s) => s.me)
  const last = useChat((s) => (room.slow ? s.timelines[room.id]?.messages.findLast((m) => m.from === s.me.id)?.at : undefined))
  const outbox = useApp((a) => a.outbox)
  const ahead = useApp((a) => a.ahead)
  const [, again] = useReducer((n: number) => n + 1, 0)
  const now = Date.now()
  const bar = barOf(home, now, ahead)
  const announce = bar.kind === 'open' && !mayPost(me, room)
  const slow = bar.kind === 'open' ? slowUntil(me, room, outbox, last, now, ahead) : 0
  const until = bar.kind === 'muted' ? Date.parse(bar.mute.until) + ahead : slow
  useEffect(() => {
    if (until === 0) return
    const timer = setTimeout(again, Math.min(Math.max(0, until - Date.now()) + 20, longest))
    return () => clearTimeout(timer)
  }, [until])
  if (announce) return { kind: 'announce' }
  return slow > 0 ? { kind: 'slow', until: slow } : bar
}

/** Whether one may write, react and change messages in a room. */
export function useMayWrite(id: string): boolean {
  const ahead = useApp((a) => a.ahead)
  return useChat((s) => viewOf(s, id) !== undefined && barOf(homeOf(s, viewOf(s, id)!), Date.now(), ahead).kind === 'open')
}

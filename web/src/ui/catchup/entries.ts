import { useEffect, useState } from 'react'
import type { Message } from '../../protocol/types'
import { call } from '../../store/actions'
import type { Place } from '../../store/marks'
import { useApp } from '../../store/store'

export const kinds = ['mentions', 'threads', 'reactions', 'saved', 'drafts'] as const
export type Kind = (typeof kinds)[number]

/** One thing to catch up on. */
export interface Entry {
  key: string
  kind: Kind
  /** The title of the room. */
  room: string
  who?: string
  at?: string
  text: string
  unread?: boolean
  open: () => void
  /** Takes it off the list. */
  done?: () => void
  mute?: () => void
  muted?: boolean
  muteLabel?: string
}

/** So many saved messages are shown here, the latest. */
export const mostSaved = 20

/** The latest saved messages, as far as they are there, by their places. */
export function useSavedMessages(places: readonly Place[]): Record<string, Pick<Message, 'from' | 'at' | 'text' | 'files' | 'deleted_at'>> {
  const [known, setKnown] = useState<Record<string, Message>>({})
  const online = useApp((a) => a.status.kind === 'online')
  useEffect(() => {
    let left = false
    const ask = async () => {
      for (const { room, no } of places.slice(0, mostSaved)) {
        const key = `${room}/${no}`
        if (left) return
        if (known[key]) continue
        const here = useApp.getState().chat?.timelines[room]?.messages.find((m) => m.no === no)
        const message = here ?? (await call('message.get', { room, no }).catch(() => null))
        if (message && !left) setKnown((k) => ({ ...k, [key]: message }))
      }
    }
    void ask()
    return () => void (left = true)
  }, [places, online])
  return known
}

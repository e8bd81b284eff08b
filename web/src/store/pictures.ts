// The pictures of a room, one after the other, however far back or on: those of
// the messages that are loaded, and from there on what the server has.

import type { Message, RoomFile } from '../protocol/types'
import { call } from './actions'
import { useApp } from './store'
import { isPicture } from './uploads'

const ofMessage = ({ room, no, from, at, files }: Message): RoomFile[] => (files ?? []).filter(isPicture).map((file) => ({ room, no, from, at, file }))

/** Ascending; older and newer return those beyond the first and the last, or none if there are no more. */
export interface Pictures {
  all: RoomFile[]
  older: () => Promise<RoomFile[]>
  newer: () => Promise<RoomFile[]>
}

const none = () => Promise.resolve([])

/** The pictures of a room, around one that is there. */
export function picturesAround(room: string, no: number, id: string): Pictures {
  const messages = useApp.getState().chat?.timelines[room]?.messages ?? []
  const all = messages.flatMap(ofMessage)
  const at = messages.find((m) => m.no === no)
  if (!at || !all.some((p) => p.file.id === id)) return { all: at ? ofMessage(at) : [], older: none, newer: none }
  let last = messages[messages.length - 1]!.no
  const newer = async (): Promise<RoomFile[]> => {
    for (let more = true; more; ) {
      const page = await call('message.list', { room, after: last })
      last = page.messages[page.messages.length - 1]?.no ?? last
      more = page.more_newer
      const found = page.messages.flatMap(ofMessage)
      if (found.length > 0) return found
    }
    return []
  }
  const first = messages[0]!
  return { all, older: olderFrom(room, `${Date.parse(first.at)}.${first.id}`, (p) => p.room === room), newer }
}

/** What file.list has from a cursor on; nothing without one. */
export function olderFrom(room: string, cursor: string | undefined, wanted: (p: RoomFile) => boolean = () => true): () => Promise<RoomFile[]> {
  let next = cursor
  return async () => {
    while (next) {
      const page = await call('file.list', { room, kind: 'picture', cursor: next })
      next = page.next
      const found = oldestFirst(page.files).filter(wanted)
      if (found.length > 0) return found
    }
    return []
  }
}

/** Turns a page around; the files of one message keep their order. */
export function oldestFirst(files: RoomFile[]): RoomFile[] {
  const turned: RoomFile[] = []
  for (let end = files.length; end > 0; ) {
    let start = end - 1
    while (start > 0 && files[start - 1]!.no === files[start]!.no && files[start - 1]!.room === files[start]!.room) start--
    turned.push(...files.slice(start, end))
    end = start
  }
  return turned
}

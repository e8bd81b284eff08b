// Messages that are sent on to another room: who wrote it and where, with a
// link, above its text as a quote, which calls nobody.

import { unavailable } from '../protocol/error'
import { post } from '../protocol/post'
import type { File as Sent, Message } from '../protocol/types'
import { charactersOver } from '../ui/chat/length'
import { fullTime } from '../ui/kit/time'
import { call, opened, send } from './actions'
import { linkTo } from './marks'
import { escaped } from './own'
import { viewOf } from './room'
import { nameOf } from './select'
import type { State } from './state'
import type { Target } from './targets'
import { detailsOf, fileURL } from './uploads'

/** What is sent on of a message, under a note of one's own: as much of it as fits into so many bytes. The link leads to the rest. */
export function forwardedText(s: State, m: Message, note: string, limit: number): string {
  const room = viewOf(s, m.room)
  // A name that not everybody may know stays out.
  const place = room?.kind === 'public' ? `#${room.name ?? ''}` : fullTime(m.at)
  const head = `${note.trim() ? `${note.trim()}\n\n` : ''}> **${escaped(nameOf(s, m.from))}** · [${escaped(place)}](${linkTo(m)})`
  const whole = (text: string) => (text.trim() ? `${head}\n>\n${text.split('\n').map((line) => (line ? `> ${line}` : '>')).join('\n')}` : head)
  const fits = (text: string) => charactersOver(whole(text), limit) <= 0
  if (fits(m.text)) return whole(m.text)
  const characters = Array.from(m.text)
  const cut = (n: number) => `${characters.slice(0, n).join('')}…`
  let [least, most] = [0, characters.length]
  while (most - least > 1) {
    const n = (least + most) >> 1
    if (fits(cut(n))) least = n
    else most = n
  }
  return least > 0 ? whole(cut(least)) : head
}

/** Sends a message on. Its files are sent anew, so that they are kept as long as the new message is. */
export async function forward(s: State, m: Message, to: Target, note: string): Promise<void> {
  const files: Sent[] = []
  for (const f of m.files ?? []) {
    const res = await fetch(fileURL(m.room, m.no, f.id)).catch(() => null)
    if (!res?.ok) throw unavailable()
    files.push({ ...(await post<Sent>(`/files?name=${encodeURIComponent(f.name)}`, await res.blob(), () => {}).done), ...detailsOf(f) })
  }
  const room = to.room ?? opened(await call('direct.open', { user: to.user }))
  send(room.id, forwardedText(s, m, note, s.limits.message), files)
}

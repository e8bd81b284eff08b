// From messages, notices and what is on its way to the rows of the timeline.

import type { Item } from '../../outbox/outbox'
import type { Message } from '../../protocol/types'
import type { Notice, Timeline } from '../../store/state'
import { dayOf } from '../kit/time'

export type Row =
  | { kind: 'start'; key: string }
  | { kind: 'day'; key: string; at: string }
  | { kind: 'unread'; key: string }
  | { kind: 'message'; key: string; message: Message; grouped: boolean; tick: boolean }
  | { kind: 'notices'; key: string; notices: Notice[] }
  | { kind: 'pending'; key: string; item: Item; grouped: boolean }

/** Messages of one person within this time stand together under one name. */
const together = 5 * 60_000

interface Input {
  timeline: Timeline
  notices: readonly Notice[]
  /** Of this room, in the order in which they were written. */
  outbox: readonly Item[]
  me: string
  /** The unread line stands after the message with this no; null for none. */
  line: number | null
}

export function buildRows({ timeline, notices, outbox, me, line }: Input): Row[] {
  const { messages, moreOlder, moreNewer } = timeline
  const rows: Row[] = []
  if (!moreOlder) rows.push({ kind: 'start', key: 'start' })

  const byPlace = new Map<number, Notice[]>()
  const floor = messages[0]?.no ?? 0
  for (const n of notices) {
    if (n.after < floor && moreOlder) continue
    byPlace.set(n.after, [...(byPlace.get(n.after) ?? []), n])
  }
  const noticesAt = (no: number) => {
    const list = byPlace.get(no)
    if (list) rows.push({ kind: 'notices', key: `n${list[0]!.id}`, notices: list })
  }

  let before = null as { from: string; at: number } | null // what the next one may be grouped with
  let today = NaN
  if (!moreOlder) noticesAt(0)
  const mine = new Set<string>()
  for (const m of messages) {
    const date = new Date(m.at)
    const at = date.getTime()
    const day = dayOf(date)
    if (day !== today) {
      rows.push({ kind: 'day', key: `d${m.no}`, at: m.at })
      today = day
      before = null
    }
    // Only where the line itself is in this stretch: above its first message
    // there may be more that is unread.
    if (line !== null && m.no === line + 1) {
      rows.push({ kind: 'unread', key: 'unread' })
      before = null
    }
    const grouped: boolean = before?.from === m.from && at - before.at < together
    // One's own newest message shows that it is kept, until somebody answers.
    const tick = m.from === me && !moreNewer && m === messages[messages.length - 1]
    rows.push({ kind: 'message', key: `m${m.no}`, message: m, grouped, tick })
    before = { from: m.from, at }
    if (m.from === me && m.client_id) mine.add(m.client_id)
    if (byPlace.has(m.no)) {
      noticesAt(m.no)
      before = null
    }
  }
  if (moreNewer) return rows
  const newest = messages[messages.length - 1]?.no ?? 0
  for (const item of outbox) {
    if (mine.has(item.client_id) || (item.state === 'sent' && item.no! <= newest)) continue
    const day = dayOf(new Date(item.at))
    const grouped: boolean = before !== null && before.from === me && day === today && item.at - before.at < together
    rows.push({ kind: 'pending', key: `p${item.client_id}`, item, grouped })
    today = day
    before = { from: me, at: item.at }
  }
  return rows
}

import { useRef } from 'react'
import type { RoomView } from '../../protocol/types'

/** What every message changes in a room. */
const moving: ReadonlySet<string> = new Set<keyof RoomView>(['position', 'head_no', 'read_no', 'unread', 'mentions', 'deleted'])

const same = (a: RoomView, b: RoomView): boolean =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].every((k) => moving.has(k) || k === 'last' || a[k as keyof RoomView] === b[k as keyof RoomView]) &&
  (a.head_no === 0) === (b.head_no === 0)

/** A room that stays the same object while no more than its messages change, for what shows none of them; whether it has any is kept right. */
export function useStill<R extends RoomView | undefined>(room: R): R {
  const still = useRef(room)
  if (!still.current || !room || !same(still.current, room)) still.current = room
  return still.current
}

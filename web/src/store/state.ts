import type { Event, Limits, Member, Message, Position, RoomView, User } from '../protocol/types'

/** A stretch of a room's messages, ascending by no and without holes. */
export interface Timeline {
  messages: Message[]
  moreOlder: boolean
  /** There are newer messages which are not in this stretch. */
  moreNewer: boolean
  /** The person sees the newest message: new ones may push old ones out. */
  following: boolean
}

export type NoticeKind = 'joined' | 'left' | 'added' | 'removed' | 'renamed' | 'topic' | 'created' | 'archived' | 'unarchived' | 'announce' | 'discuss' | 'slow' | 'fast'

/** Something that happened while this page was open. Notices are not stored anywhere. */
export interface Notice {
  id: string
  /** Shown after the message with this no. */
  after: number
  at: string
  kind: NoticeKind
  user: string
  by?: string
  text?: string
}

/** What is known of the server, for one person. Every change of it is a pure function in this folder. */
export interface State {
  me: User
  session: string
  limits: Limits
  rooms: Record<string, RoomView>
  userPosition: Position
  /** Null while the people are not known as of any position. */
  serverPosition: Position | null
  people: Record<string, User>
  /** Where the list of people goes on that is not known here; null if all are. */
  peopleNext: string | null
  /** Seq of the event that a person was last changed by, so that an older page does not undo it. */
  peopleSeq: Record<string, number>
  /** Whether somebody is online, of those whom this page watches. */
  online: Record<string, boolean>
  /** Threads that one reads without following them. */
  visited?: Record<string, RoomView>
  timelines: Record<string, Timeline>
  members: Record<string, Record<string, Member>>
  notices: Record<string, Notice[]>
  /** Until when (ms since 1970) somebody types in a room. */
  typing: Record<string, Record<string, number>>
  /** The latest changes of messages in each room, for pages that were asked for before them. */
  changes: Record<string, Event[]>
  /** Rooms whose view is being fetched again, with the events that have come meanwhile. */
  stale: Record<string, Event[]>
  /** Rooms not (yet) on the list for which events were dropped. */
  dropped: Record<string, Position>
}

/** What the caller has to do after a change. */
export type Then =
  | 'nothing'
  | 'sync' // something is missing: sync with the positions
  | 'refresh' // all of it is in doubt: sync without positions

export interface Step {
  state: State
  then: Then
}

export const ok = (state: State): Step => ({ state, then: 'nothing' })

export function without<T>(record: Record<string, T>, key: string): Record<string, T> {
  if (!(key in record)) return record
  const { [key]: _, ...rest } = record
  return rest
}

// What people say of themselves: their status, and that they do not want to be
// disturbed. Both end by themselves.

import { at } from '../protocol/base'
import type { User, UserStatus } from '../protocol/types'

/** Whether a moment is still to come; none is not. */
export const before = (moment: string | undefined, now: number): boolean => moment !== undefined && Date.parse(moment) > now

/** Whether somebody is shut out: for good, or until a moment. The server lets them in again when they come after it. */
export const shutOut = (user: Pick<User, 'disabled' | 'disabled_until'>, now: number): boolean =>
  user.disabled === true && (user.disabled_until === undefined || before(user.disabled_until, now))

/** The status that is to be shown of somebody: one that says something and is not over. */
export function statusOf(user: Pick<User, 'status'> | undefined, now: number): UserStatus | undefined {
  const status = user?.status
  if (!status || (!status.emoji && !status.text)) return undefined
  return status.until === undefined || before(status.until, now) ? status : undefined
}

/** A span from now that one chooses by name. */
export type Span = '30m' | '1h' | '4h' | 'today' | 'tomorrow'

/** When a span ends: that of today at midnight, that until tomorrow in the morning at nine, by this device's clock. */
export function endOf(span: Span, now: number): Date {
  const minutes = { '30m': 30, '1h': 60, '4h': 240 } as const
  if (span === 'today' || span === 'tomorrow') {
    const d = new Date(now)
    d.setDate(d.getDate() + 1)
    d.setHours(span === 'today' ? 0 : 9, 0, 0, 0)
    return d
  }
  return new Date(now + minutes[span] * 60_000)
}

/** A moment as a field for date and time has it: local, to the minute. */
export function toField(moment: Date): string {
  const two = (n: number) => String(n).padStart(2, '0')
  return `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}T${two(moment.getHours())}:${two(moment.getMinutes())}`
}

/** The moment in such a field, null if it is none or not in the future. */
export function fromField(value: string, now: number): Date | null {
  const moment = new Date(value)
  return value !== '' && moment.getTime() > now ? moment : null
}

/** The address of somebody's picture. It changes with the picture, so that what it gives may be kept for good. */
export const pictureURL = (user: string, picture: string): string =>
  at(`/api/v1/users/${encodeURIComponent(user)}/picture?v=${encodeURIComponent(picture)}`)

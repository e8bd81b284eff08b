const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' })
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long' })
const dayMonth = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })
const withYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' })
const short = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const numeric = new Intl.DateTimeFormat(undefined, { day: '2-digit', month: '2-digit', year: '2-digit' })
const shortDay = new Intl.DateTimeFormat(undefined, { weekday: 'short' })
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' })

/** A number that is the same for all moments of one local day, and grows by 1 from day to day. */
export function dayOf(at: Date): number {
  return Math.round(Date.UTC(at.getFullYear(), at.getMonth(), at.getDate()) / 86_400_000)
}

export const clockTime = (at: string) => clock.format(new Date(at))
export const fullTime = (at: string) => full.format(new Date(at))
export const dateWithYear = (at: string) => withYear.format(new Date(at))

/** Over the first message of a day. */
export function dayName(at: string, now: number): string {
  const date = new Date(at)
  const ago = dayOf(new Date(now)) - dayOf(date)
  if (ago === 0) return 'Today'
  if (ago === 1) return 'Yesterday'
  if (ago > 0 && ago < 7) return weekday.format(date)
  return date.getFullYear() === new Date(now).getFullYear() ? dayMonth.format(date) : withYear.format(date)
}

/** Beside a room in the list: as short as it is clear. */
export function shortTime(at: string, now: number): string {
  const date = new Date(at)
  const ago = dayOf(new Date(now)) - dayOf(date)
  if (ago <= 0) return clock.format(date)
  if (ago === 1) return 'Yesterday'
  if (ago < 7) return shortDay.format(date)
  return date.getFullYear() === new Date(now).getFullYear() ? short.format(date) : numeric.format(date)
}

/** How long ago, roughly. */
export function ago(at: string, now: number): string {
  const minutes = Math.round((now - Date.parse(at)) / 60_000)
  if (minutes < 6) return 'just now'
  if (minutes < 60) return `${minutes} minutes ago`
  if (minutes < 48 * 60) return minutes < 90 ? 'an hour ago' : `${Math.round(minutes / 60)} hours ago`
  return `${Math.round(minutes / 1440)} days ago`
}

import { locale, t } from '../../i18n'
import { preferences } from '../../store/preferences'

/** Formats by the page's language: made when first needed, for making them is slow. */
function format(options: Intl.DateTimeFormatOptions): (date: Date, timeZone?: string) => string {
  const made = new Map<string, Intl.DateTimeFormat>()
  const timed = options.hour !== undefined || options.timeStyle !== undefined
  return (date, timeZone) => {
    const l = locale()
    const clock = timed ? preferences().clock : 'system'
    const key = `${l} ${clock} ${timeZone}`
    let f = made.get(key)
    if (!f) made.set(key, (f = new Intl.DateTimeFormat(l, { ...options, timeZone, hourCycle: clock === '24' ? 'h23' : clock === '12' ? 'h12' : undefined })))
    return f.format(date)
  }
}
const clock = format({ hour: 'numeric', minute: '2-digit' })
const weekday = format({ weekday: 'long' })
const dayMonth = format({ weekday: 'long', day: 'numeric', month: 'long' })
const withYear = format({ day: 'numeric', month: 'long', year: 'numeric' })
const short = format({ day: 'numeric', month: 'short' })
const numeric = format({ day: '2-digit', month: '2-digit', year: '2-digit' })
const shortDay = format({ weekday: 'short' })
const clockOn = format({ weekday: 'short', hour: 'numeric', minute: '2-digit' })
const full = format({ dateStyle: 'full', timeStyle: 'medium' })

/** A number that is the same for all moments of one local day, and grows by 1 from day to day. */
export function dayOf(at: Date): number {
  return Math.round(Date.UTC(at.getFullYear(), at.getMonth(), at.getDate()) / 86_400_000)
}

export const clockTime = (at: string) => clock(new Date(at))
/** The time in another zone, with the weekday where that is not today's here; null where the zone is not known. */
export function timeIn(zone: string, now: number): string | null {
  try {
    const at = new Date(now)
    return (shortDay(at, zone) === shortDay(at) ? clock : clockOn)(at, zone)
  } catch {
    return null
  }
}
export const fullTime = (at: string) => full(new Date(at))
export const dateWithYear = (at: string) => withYear(new Date(at))

/** Over the first message of a day. */
export function dayName(at: string, now: number): string {
  const date = new Date(at)
  const ago = dayOf(new Date(now)) - dayOf(date)
  if (ago === 0) return t('app.today')
  if (ago === 1) return t('app.yesterday')
  if (ago > 0 && ago < 7) return weekday(date)
  return date.getFullYear() === new Date(now).getFullYear() ? dayMonth(date) : withYear(date)
}

/** Beside a room in the list: as short as it is clear. */
export function shortTime(at: string, now: number): string {
  const date = new Date(at)
  const ago = dayOf(new Date(now)) - dayOf(date)
  if (ago <= 0) return clock(date)
  if (ago === 1) return t('app.yesterday')
  if (ago < 7) return shortDay(date)
  return date.getFullYear() === new Date(now).getFullYear() ? short(date) : numeric(date)
}

/** A moment to come: the time alone if it is today, else with the day. */
export function momentName(at: string, now: number): string {
  const date = new Date(at)
  const days = dayOf(date) - dayOf(new Date(now))
  if (days === 0) return clock(date)
  if (days === 1) return t('app.tomorrowAt', { time: clock(date) })
  return `${date.getFullYear() === new Date(now).getFullYear() ? dayMonth(date) : withYear(date)}, ${clock(date)}`
}

const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const

/** A length of time in its largest whole unit: 90 s are 90 seconds, 120 s two minutes. */
export function span(seconds: number): string {
  const [unit, length] = units.find(([, length]) => seconds >= length && seconds % length === 0) ?? units[3]
  return new Intl.NumberFormat(locale(), { style: 'unit', unit, unitDisplay: 'long' }).format(seconds / length)
}

/** Time left, in ms, as one reads it counting down: 0:09, 4:30, 1:02:03. */
export const countdown = (ms: number): string => playTime(Math.max(0, Math.ceil(ms / 1000)))

/**
 * A place in a recording, in seconds, as players show it: 0:09 until the tenth
 * is over.
 */
export function playTime(seconds: number): string {
  const s = Math.floor(seconds)
  const two = (n: number) => String(n).padStart(2, '0')
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60]
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`
}

/** How long ago, roughly. */
export function ago(at: string, now: number): string {
  const minutes = Math.round((now - Date.parse(at)) / 60_000)
  if (minutes < 6) return t('app.justNow')
  const say = (n: number, unit: 'minute' | 'hour' | 'day') => new Intl.RelativeTimeFormat(locale()).format(-n, unit)
  if (minutes < 60) return say(minutes, 'minute')
  return minutes < 48 * 60 ? say(Math.round(minutes / 60), 'hour') : say(Math.round(minutes / 1440), 'day')
}

/** When somebody was last here: roughly, and the day alone once that is another. */
export function seenText(at: string, now: number): string {
  const minutes = Math.max(0, Math.round((now - Date.parse(at)) / 60_000))
  const days = dayOf(new Date(now)) - dayOf(new Date(at))
  const say = (n: number, unit: 'minute' | 'hour' | 'day') => new Intl.RelativeTimeFormat(locale(), { numeric: unit === 'day' ? 'auto' : 'always' }).format(-n, unit)
  if (minutes < 1) return t('seen.active', { ago: t('app.justNow') })
  if (minutes < 60) return t('seen.active', { ago: say(minutes, 'minute') })
  if (days <= 0 || minutes < 6 * 60) return t('seen.active', { ago: say(Math.round(minutes / 60), 'hour') })
  return t('seen.last', { when: days < 7 ? say(days, 'day') : dateWithYear(at) })
}

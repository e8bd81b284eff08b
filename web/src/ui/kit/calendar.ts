// Days of the calendar, in local time.

/** The day so many days later, at its beginning. */
export const addDays = (day: Date, n: number): Date => new Date(day.getFullYear(), day.getMonth(), day.getDate() + n)

/** The same day so many months later, or the last of that month where it has fewer days. */
export function addMonths(day: Date, n: number): Date {
  const last = new Date(day.getFullYear(), day.getMonth() + n + 1, 0)
  return new Date(last.getFullYear(), last.getMonth(), Math.min(day.getDate(), last.getDate()))
}

export const startOfDay = (at: Date): Date => addDays(at, 0)
export const sameDay = (a: Date, b: Date): boolean => startOfDay(a).getTime() === startOfDay(b).getTime()
export const within = (day: Date, min: Date, max: Date): Date => (day < min ? min : day > max ? max : day)

/** The weeks that a month touches, of seven days each; the week begins with that day, 0 being Sunday. */
export function weeksOf(month: Date, first: number): Date[][] {
  const begin = new Date(month.getFullYear(), month.getMonth(), 1)
  const weeks: Date[][] = []
  for (let day = addDays(begin, -((begin.getDay() - first + 7) % 7)); day.getMonth() === month.getMonth() || weeks.length === 0; day = addDays(day, 7))
    weeks.push(Array.from({ length: 7 }, (_, i) => addDays(day, i)))
  return weeks
}

/** The day that a week begins with where a language is spoken, 0 being Sunday. */
export function firstWeekday(locale: string): number {
  const l = new Intl.Locale(locale) as Intl.Locale & { getWeekInfo?: () => { firstDay: number }; weekInfo?: { firstDay: number } }
  return (l.getWeekInfo?.() ?? l.weekInfo)?.firstDay ?? 1
}

/** As fields for dates take it: 2026-03-01. */
export const isoDay = (day: Date): string =>
  `${String(day.getFullYear()).padStart(4, '0')}-${String(day.getMonth() + 1).padStart(2, '0')}-${String(day.getDate()).padStart(2, '0')}`

/** What such a text says, or null if there is no such day. */
export function parseDay(text: string): Date | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text.trim())
  if (!match) return null
  const day = new Date(Number(match[1]), Number(match[2]) - 1, Number(match[3]))
  return isoDay(day) === match[0] ? day : null
}

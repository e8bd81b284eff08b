import { ChevronLeft, ChevronRight } from 'lucide-react'
import { type KeyboardEvent, useEffect, useRef, useState } from 'react'
import { formatNumber, locale, t } from '../../i18n'
import { addDays, addMonths, firstWeekday, isoDay, sameDay, startOfDay, weeksOf, within } from './calendar'

interface Props {
  /** The first and the last day that can be chosen. */
  min: Date
  max: Date
  /** The day that is marked, and where the keys begin. */
  day: Date
  onDay: (day: Date) => void
  onPick: (day: Date) => void
}

/** A month of days to choose one from. Arrow keys go by days and weeks, Page up and down by months, with Shift by years. */
export function Calendar({ min, max, day, onDay, onPick }: Props) {
  const first = firstWeekday(locale())
  const grid = useRef<HTMLTableElement>(null)
  const [keyed, setKeyed] = useState(0) // the focus follows the keys, not what is typed elsewhere
  const now = new Date()
  const weeks = weeksOf(day, first)
  const month = new Intl.DateTimeFormat(locale(), { month: 'long', year: 'numeric' }).format(day)
  const full = new Intl.DateTimeFormat(locale(), { dateStyle: 'full' })
  const weekday = (width: 'short' | 'long') => new Intl.DateTimeFormat(locale(), { weekday: width })
  useEffect(() => {
    if (keyed > 0) grid.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus()
  }, [keyed])
  const go = (to: Date) => onDay(within(to, startOfDay(min), startOfDay(max)))
  const keys = (e: KeyboardEvent) => {
    const week = (day.getDay() - first + 7) % 7
    const forward = document.documentElement.dir === 'rtl' ? -1 : 1
    const moves: Record<string, Date> = {
      ArrowLeft: addDays(day, -forward), ArrowRight: addDays(day, forward), ArrowUp: addDays(day, -7), ArrowDown: addDays(day, 7),
      Home: addDays(day, -week), End: addDays(day, 6 - week),
      PageUp: addMonths(day, e.shiftKey ? -12 : -1), PageDown: addMonths(day, e.shiftKey ? 12 : 1),
    }
    const to = moves[e.key]
    if (!to || e.altKey || e.ctrlKey || e.metaKey) return
    e.preventDefault()
    go(to)
    setKeyed(keyed + 1)
  }
  const before = new Date(day.getFullYear(), day.getMonth(), 1) > startOfDay(min)
  const after = new Date(day.getFullYear(), day.getMonth() + 1, 1) <= startOfDay(max)
  return (
    <div className="calendar">
      <div className="calendar-head">
        <button type="button" className="icon-button" aria-label={t('jump.previousMonth')} disabled={!before} onClick={() => go(addMonths(day, -1))}>
          <ChevronLeft size={18} className="flip" />
        </button>
        <span aria-live="polite">{month}</span>
        <button type="button" className="icon-button" aria-label={t('jump.nextMonth')} disabled={!after} onClick={() => go(addMonths(day, 1))}>
          <ChevronRight size={18} className="flip" />
        </button>
      </div>
      <table ref={grid} role="grid" aria-label={month} onKeyDown={keys}>
        <thead>
          <tr>
            {weeks[0]!.map((d) => (
              <th key={d.getDay()} scope="col" abbr={weekday('long').format(d)}>
                {weekday('short').format(d)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {weeks.map((week) => (
            <tr key={isoDay(week[0]!)}>
              {week.map((d) => {
                const marked = sameDay(d, day)
                const classes = [d.getMonth() !== day.getMonth() && 'other', sameDay(d, now) && 'today'].filter(Boolean).join(' ')
                return (
                  <td key={d.getDay()} role="gridcell" aria-selected={marked}>
                    <button
                      type="button"
                      className={classes || undefined}
                      tabIndex={marked ? 0 : -1}
                      disabled={d < startOfDay(min) || d > max}
                      aria-label={full.format(d)}
                      aria-current={sameDay(d, now) ? 'date' : undefined}
                      data-day={isoDay(d)}
                      onClick={() => onPick(d)}
                    >
                      {formatNumber(d.getDate())}
                    </button>
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

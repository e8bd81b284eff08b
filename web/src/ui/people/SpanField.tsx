import { useState } from 'react'
import { type Key, t } from '../../i18n'
import { endOf, fromField, type Span, toField } from '../../store/person'
import { Field } from '../kit/Form'

export type Choice = Span | 'never' | 'date'

const names: Record<Choice, Key> = {
  never: 'span.never', '30m': 'span.30m', '1h': 'span.1h', '4h': 'span.4h', today: 'span.today', tomorrow: 'span.tomorrow', date: 'span.date',
}

/** When a chosen span ends: null for never, undefined while what was entered is no moment to come. */
export function useSpan(first: Choice, last?: string) {
  const [choice, setChoice] = useState<Choice>(first)
  const [date, setDate] = useState(() => toField(last ? new Date(last) : endOf('tomorrow', Date.now())))
  const end = (): Date | null | undefined =>
    choice === 'never' ? null : choice === 'date' ? (fromField(date, Date.now()) ?? undefined) : endOf(choice, Date.now())
  return { choice, setChoice, date, setDate, end }
}

interface Props {
  label: string
  choices: Choice[]
  /** What they are called here, where not as usual. */
  names?: Partial<Record<Choice, Key>>
  span: ReturnType<typeof useSpan>
}

/** Chooses how long something lasts: one of a few spans, or until a moment. */
export function SpanField({ label, choices, names: others, span }: Props) {
  const wrong = span.choice === 'date' && span.end() === undefined
  return (
    <div className="span-field">
      <label className="field">
        <span>{label}</span>
        <select value={span.choice} onChange={(e) => span.setChoice(e.target.value as Choice)}>
          {choices.map((c) => (
            <option key={c} value={c}>
              {t(others?.[c] ?? names[c])}
            </option>
          ))}
        </select>
      </label>
      {span.choice === 'date' && (
        <Field type="datetime-local" label={t('span.when')} value={span.date} min={toField(new Date())} required onChange={(e) => span.setDate(e.target.value)} error={wrong ? t('span.past') : undefined} />
      )}
    </div>
  )
}

import { useEffect, useRef, useState } from 'react'
import { t } from '../../../i18n'
import { explain } from '../../../protocol/error'
import type { DeadLetter, Outgoing } from '../../../protocol/types'
import { call } from '../../../store/actions'
import { fullTime } from '../../kit/time'

interface Props {
  id: string
  hook: Outgoing
  onChange: () => Promise<unknown>
}

/** The events that a webhook gave up, which can be sent once more. */
export function DeadLetters({ id, hook, onChange }: Props) {
  const { room, id: webhook } = hook
  const [letters, setLetters] = useState<DeadLetter[] | null>(null)
  const [asked, setAsked] = useState<Record<string, number>>({}) // how often a letter had been tried when one asked for it
  const [fault, setFault] = useState<string | null>(null)
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    call('outgoing.dead', { room, webhook }).then(
      (r) => setLetters(r.dead),
      (err: unknown) => setFault(explain(err)),
    )
  }, [hook]) // asked for again as often as the webhook is
  useEffect(() => {
    if (document.activeElement === document.body) box.current?.focus() // the button that had the focus went with its letter
  }, [letters])
  const retry = async (dead?: string) => {
    setFault(null)
    try {
      await call('outgoing.retry', { room, webhook, ...(dead ? { dead } : {}) })
      setAsked((before) => ({ ...before, ...Object.fromEntries((letters ?? []).filter((l) => !dead || l.id === dead).map((l) => [l.id, l.attempts])) }))
      await onChange()
    } catch (err) {
      setFault(explain(err))
    }
  }
  return (
    <div ref={box} id={id} className="dead" tabIndex={-1} role="group" aria-label={t('outgoing.deadLabel')}>
      <div role="alert">{fault && <p className="fault">{fault}</p>}</div>
      {letters === null && !fault && <p className="list-empty">{t('app.loading')}</p>}
      {letters?.length === 0 && <p className="list-empty">{t('outgoing.deadNone')}</p>}
      {letters && letters.length > 1 && !hook.ended_at && (
        <button className="link" onClick={() => void retry()}>
          {t('outgoing.retryAll')}
        </button>
      )}
      <ul className="lines">
        {letters?.map((l) => (
          <li key={l.id}>
            <span className="lines-text">
              <code>{l.kind}</code>
              <small>
                {fullTime(l.at)} · {asked[l.id] === l.attempts ? <i>{t('outgoing.asked')}</i> : <bdi>{l.error}</bdi>}
              </small>
            </span>
            {!hook.ended_at && (
              <button className="button" aria-label={t('outgoing.retryOne', { kind: l.kind, time: fullTime(l.at) })} onClick={() => void retry(l.id)}>
                {t('outgoing.retry')}
              </button>
            )}
          </li>
        ))}
      </ul>
    </div>
  )
}

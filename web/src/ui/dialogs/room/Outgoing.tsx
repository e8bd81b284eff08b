import { useEffect, useRef, useState } from 'react'
import { formatNumber, t } from '../../../i18n'
import { toast } from '../../../store/toasts'
import { explain } from '../../../protocol/error'
import type { Outgoing as Webhook } from '../../../protocol/types'
import { call } from '../../../store/actions'
import { Fault, Field, useSubmit } from '../../kit/Form'
import { useNow } from '../../kit/hooks'
import { ago, clockTime } from '../../kit/time'
import { Confirm } from '../Confirm'
import { Once } from '../Once'
import { DeadLetters } from './DeadLetters'

/** Which events are sent: by name, for the few choices that are of use. */
const wishes = {
  all: undefined,
  messages: ['message.created', 'message.edited', 'message.deleted'],
  new: ['message.created'],
} satisfies Record<string, string[] | undefined>
type Wish = keyof typeof wishes
const wishTexts = { all: 'outgoing.all', messages: 'outgoing.messages', new: 'outgoing.new' } as const

/** How often the state of the webhooks is asked for while one looks at it, in ms. */
const every = 5_000

/** The addresses that a room's events are posted to. */
export function Outgoing({ room }: { room: string }) {
  const [url, setURL] = useState('')
  const [wish, setWish] = useState<Wish>('all')
  const [hooks, setHooks] = useState<Webhook[] | null>(null)
  const [made, setMade] = useState<{ webhook: Webhook; secret: string } | null>(null)
  const [ending, setEnding] = useState<Webhook | null>(null)
  const [fault, setFault] = useState<string | null>(null)
  const title = useRef<HTMLHeadingElement>(null)
  const refresh = () =>
    call('outgoing.list', { room }).then(
      (r) => (setHooks(r.webhooks), setFault(null)),
      (err: unknown) => setFault(explain(err)),
    )
  useEffect(() => {
    void refresh()
    const timer = setInterval(() => void refresh(), every)
    return () => clearInterval(timer)
  }, [])
  useEffect(() => {
    // The button that asked for it may be gone with its webhook.
    if (!ending && document.activeElement === document.body) title.current?.focus()
  }, [ending])
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    const kinds = wishes[wish]
    setMade(await call('outgoing.create', { room, url, ...(kinds ? { kinds } : {}) }))
    setURL('')
    await refresh()
  })
  return (
    <section aria-labelledby="outgoing-title">
      <h3 id="outgoing-title" className="panel-title">
        {t('outgoing.title')}
      </h3>
      <p className="dialog-text">{t('outgoing.text')}</p>
      <form onSubmit={submit}>
        <Field label={t('outgoing.url')} type="url" dir="ltr" value={url} required autoComplete="off" placeholder={'https://'} onChange={(e) => setURL(e.target.value)} error={at('url')} />
        <label className="field">
          <span>{t('outgoing.kinds')}</span>
          <select value={wish} onChange={(e) => setWish(e.target.value as Wish)}>
            {(Object.keys(wishes) as Wish[]).map((w) => (
              <option key={w} value={w}>
                {t(wishTexts[w])}
              </option>
            ))}
          </select>
        </label>
        <Fault text={elsewhere('url')} />
        <button className="button primary full" disabled={busy || url.trim() === ''}>
          {t('outgoing.create')}
        </button>
      </form>
      {made && <Once fresh value={made.secret} label={t('outgoing.secret')} copy={t('outgoing.copy')} hint={t('outgoing.once', { host: hostOf(made.webhook.url) })} />}
      <div role="alert">{fault && <p className="fault">{fault}</p>}</div>
      {hooks && (
        <h4 ref={title} tabIndex={-1} className="list-title">
          {t('outgoing.list')}
        </h4>
      )}
      {hooks === null && !fault && <p className="list-empty">{t('app.loading')}</p>}
      {hooks?.length === 0 && <p className="list-empty">{t('hooks.none')}</p>}
      <ul className="lines outgoing">
        {hooks?.map((h) => (
          <Line key={h.id} hook={h} onDelete={() => setEnding(h)} onChange={refresh} />
        ))}
      </ul>
      {ending && (
        <Confirm
          title={t('hooks.deleteTitle', { name: hostOf(ending.url) })}
          text={t('outgoing.deleteText')}
          action={t('hooks.delete')}
          danger
          run={async () => {
            await call('outgoing.delete', { room, webhook: ending.id })
            if (made?.webhook.id === ending.id) setMade(null)
            await refresh()
          }}
          onClose={() => setEnding(null)}
        />
      )}
    </section>
  )
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url)

/** One webhook: where it leads, how it fares, and what it gave up. */
function Line({ hook, onDelete, onChange }: { hook: Webhook; onDelete: () => void; onChange: () => Promise<unknown> }) {
  const [open, setOpen] = useState(false)
  const host = hostOf(hook.url)
  const id = `dead-${hook.id}`
  const dead = hook.dead ?? 0
  const wish = (Object.keys(wishes) as Wish[]).find((w) => (wishes[w] ?? []).toSorted().join() === (hook.kinds ?? []).toSorted().join())
  return (
    <li className="outgoing-line">
      <span className="lines-text">
        <b>
          <bdi dir="ltr">{host}</bdi> <Tag hook={hook} />
        </b>
        <small dir="ltr" className="outgoing-url">
          {hook.url}
        </small>
        <small>{wish ? t(wishTexts[wish]) : hook.kinds?.join(', ')}</small>
        <State hook={hook} />
        {(hook.skipped ?? 0) > 0 && <small>{t('outgoing.skipped', { count: hook.skipped!, number: formatNumber(hook.skipped!) })}</small>}
        {dead > 0 && (
          <button className="link" aria-expanded={open} aria-controls={open ? id : undefined} onClick={() => setOpen(!open)}>
            {t('outgoing.dead', { count: dead, number: formatNumber(dead) })}
          </button>
        )}
      </span>
      {hook.paused && !hook.ended_at && (
        <button className="button" aria-label={t('hooks.adoptOne', { name: host })} onClick={() => void call('outgoing.adopt', { room: hook.room, webhook: hook.id }).then(onChange, (err: unknown) => toast(explain(err)))}>
          {t('hooks.adopt')}
        </button>
      )}
      <button className="button" aria-label={t('hooks.deleteOne', { name: host })} onClick={onDelete}>
        {t('hooks.delete')}
      </button>
      {open && dead > 0 && <DeadLetters id={id} hook={hook} onChange={onChange} />}
    </li>
  )
}

function Tag({ hook }: { hook: Webhook }) {
  if (hook.ended_at) return <span className="tag">{t('outgoing.ended')}</span>
  if (hook.paused) return <span className="tag failing">{t('hooks.paused')}</span>
  if (hook.error) return <span className="tag failing">{t('outgoing.failing')}</span>
  return hook.sent_at ? <span className="tag works">{t('outgoing.works')}</span> : null
}

function State({ hook }: { hook: Webhook }) {
  const now = useNow(30_000)
  if (hook.ended_at) return <small>{t('outgoing.endedText')}</small>
  if (hook.paused) return <small>{t('hooks.pausedText')}</small>
  if (hook.error) {
    return (
      <small className="outgoing-fault">
        <bdi>{hook.error}</bdi>
        {hook.next_at && ` · ${t('outgoing.next', { time: clockTime(hook.next_at), count: hook.attempts ?? 1, number: formatNumber(hook.attempts ?? 1) })}`}
      </small>
    )
  }
  return <small>{hook.sent_at ? t('outgoing.sent', { ago: ago(hook.sent_at, now) }) : t('outgoing.nothing')}</small>
}

import { useEffect, useRef, useState } from 'react'
import { toast } from '../../../store/toasts'
import { t } from '../../../i18n'
import { fullAt } from '../../../protocol/base'
import { explain } from '../../../protocol/error'
import type { Hook } from '../../../protocol/types'
import { call } from '../../../store/actions'
import { nameOf } from '../../../store/select'
import { useChat } from '../../../store/store'
import { Fault, Field, useSubmit } from '../../kit/Form'
import { dateWithYear } from '../../kit/time'
import { Confirm } from '../Confirm'
import { Once } from '../Once'

/** The addresses at which programs post into a room. */
export function Incoming({ room }: { room: string }) {
  const chat = useChat((s) => s)
  const [name, setName] = useState('')
  const [hooks, setHooks] = useState<Hook[] | null>(null)
  const [made, setMade] = useState<{ hook: Hook; path: string } | null>(null)
  const [ending, setEnding] = useState<Hook | null>(null)
  const [fault, setFault] = useState<string | null>(null)
  const title = useRef<HTMLHeadingElement>(null)
  const refresh = () => call('hook.list', { room }).then((r) => setHooks(r.hooks), (err: unknown) => setFault(explain(err)))
  useEffect(() => void refresh(), [])
  useEffect(() => {
    // The button that asked for it may be gone with its webhook.
    if (!ending && document.activeElement === document.body) title.current?.focus()
  }, [ending])
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    setMade(await call('hook.create', { room, name }))
    setName('')
    await refresh()
  })
  return (
    <section aria-labelledby="incoming-title">
      <h3 id="incoming-title" className="panel-title">
        {t('hooks.title')}
      </h3>
      <p className="dialog-text">{t('hooks.text')}</p>
      <form onSubmit={submit}>
        <Field label={t('hooks.name')} value={name} maxLength={chat.limits.name} required autoComplete="off" hint={t('hooks.nameHint')}
          onChange={(e) => setName(e.target.value)} error={at('name')} />
        <Fault text={elsewhere('name')} />
        <button className="button primary full" disabled={busy || name.trim() === ''}>
          {t('hooks.create')}
        </button>
      </form>
      {made && (
        <Once fresh value={fullAt(made.path)} label={t('hooks.address', { name: made.hook.bot.name })} copy={t('hooks.copy')} hint={t('hooks.once', { name: made.hook.bot.name })} />
      )}
      <div role="alert">{fault && <p className="fault">{fault}</p>}</div>
      {hooks && (
        <h4 ref={title} tabIndex={-1} className="list-title">
          {t('hooks.list')}
        </h4>
      )}
      {hooks === null && !fault && <p className="list-empty">{t('app.loading')}</p>}
      {hooks?.length === 0 && <p className="list-empty">{t('hooks.none')}</p>}
      <ul className="lines">
        {hooks?.map((h) => (
          <li key={h.bot.id}>
            <span className="lines-text" style={{ overflowWrap: 'anywhere' }}>
              <b>
                <bdi>{h.bot.name}</bdi> {h.paused && <span className="tag failing">{t('hooks.paused')}</span>}
              </b>
              {h.paused && <small>{t('hooks.pausedText')}</small>}
              <small>
                {t(h.created_by === chat.me.id ? 'hooks.byYou' : 'hooks.by', { name: nameOf(chat, h.created_by), date: dateWithYear(h.created_at) })}
              </small>
            </span>
            {h.paused && (
              <button className="button" aria-label={t('hooks.adoptOne', { name: h.bot.name })} onClick={() => void call('hook.adopt', { room, bot: h.bot.id }).then(refresh, (err: unknown) => toast(explain(err)))}>
                {t('hooks.adopt')}
              </button>
            )}
            <button className="button" aria-label={t('hooks.deleteOne', { name: h.bot.name })} onClick={() => setEnding(h)}>
              {t('hooks.delete')}
            </button>
          </li>
        ))}
      </ul>
      {ending && (
        <Confirm
          title={t('hooks.deleteTitle', { name: ending.bot.name })}
          text={t('hooks.deleteText')}
          action={t('hooks.delete')}
          danger
          run={async () => {
            await call('hook.delete', { room, bot: ending.bot.id })
            if (made?.hook.bot.id === ending.bot.id) setMade(null)
            await refresh()
          }}
          onClose={() => setEnding(null)}
        />
      )}
    </section>
  )
}

import { useId, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { FactorDemand } from '../../protocol/types'
import { call } from '../../store/actions'
import { toast, useApp, useChat } from '../../store/store'
import { Fault, Field, useSubmit } from '../kit/Form'
import { Switch } from '../kit/Switch'

const demands = { '': 'server.factor.none', admins: 'server.factor.admins', members: 'server.factor.members', everyone: 'server.factor.everyone' } as const

/** Who needs a second factor. */
function FactorNeeded() {
  const now = useApp((a) => a.info?.second_factor ?? '')
  const none = useApp((a) => a.info?.external === true || a.info?.no_passwords === true)
  const id = useId()
  if (none) return null
  const set = (second_factor: FactorDemand) =>
    call('server.update', { second_factor }).then((info) => useApp.setState({ info }), (err: unknown) => toast(explain(err)))
  return (
    <div className="field">
      <label htmlFor={id}>{t('server.factor')}</label>
      <select id={id} aria-describedby={`${id}-hint`} value={now} onChange={(e) => void set(e.target.value as FactorDemand)}>
        {Object.entries(demands).map(([value, label]) => (
          <option key={value} value={value}>
            {t(label)}
          </option>
        ))}
      </select>
      <p id={`${id}-hint`} className="field-hint">
        {t('server.factorHint')}
      </p>
    </div>
  )
}

/** What owners set for the whole server. */
export function Server() {
  const now = useApp((a) => a.info?.name ?? '')
  const longest = useChat((s) => s.limits.name)
  const [name, setName] = useState(now)
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    const info = await call('server.update', { name: name.trim() })
    useApp.setState({ info })
    setName(info.name)
    toast(t('server.renamed', { name: info.name }))
  })
  const receipts = useApp((a) => a.info?.read_receipts === true)
  return (
    <>
      <form className="admin-form" onSubmit={submit}>
        <Field label={t('server.name')} hint={t('server.nameHint')} value={name} maxLength={longest} autoComplete="off" dir="auto" onChange={(e) => setName(e.target.value)} error={at('name')} />
        <Fault text={elsewhere('name')} />
        <div className="form-actions">
          <button className="button primary" disabled={busy || name.trim() === now}>
            {t('app.save')}
          </button>
        </div>
      </form>
      <FactorNeeded />
      <Switch label={t('readBy.server')} hint={t('readBy.serverHint')} on={receipts} set={async (read_receipts) => useApp.setState({ info: await call('server.update', { read_receipts }) })} />
    </>
  )
}

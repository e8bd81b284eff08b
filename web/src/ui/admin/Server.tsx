import { useState } from 'react'
import { t } from '../../i18n'
import { call } from '../../store/actions'
import { toast, useApp, useChat } from '../../store/store'
import { Fault, Field, useSubmit } from '../kit/Form'
import { Switch } from '../kit/Switch'

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
      <Switch label={t('readBy.server')} hint={t('readBy.serverHint')} on={receipts} set={async (read_receipts) => useApp.setState({ info: await call('server.update', { read_receipts }) })} />
    </>
  )
}

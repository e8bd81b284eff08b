import { useState } from 'react'
import { type Key, t } from '../../i18n'
import type { ServerRole } from '../../protocol/types'
import { call } from '../../store/actions'
import { useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'
import { openDialog } from './open'

const roles: { value: ServerRole; label: Key }[] = [
  { value: 'guest', label: 'bots.guest' },
  { value: 'member', label: 'bots.member' },
]

/** Makes an account for a program, and leads to its tokens. */
export function CreateBot({ onClose }: { onClose: () => void }) {
  const limits = useChat((s) => s.limits)
  const [name, setName] = useState('')
  const [role, setRole] = useState<ServerRole>('guest')
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    openDialog({ kind: 'tokens', bot: await call('bot.create', { name, role }) })
  })
  return (
    <Dialog title={t('bots.create')} onClose={onClose}>
      <p className="dialog-text">{t('bots.text')}</p>
      <form onSubmit={submit}>
        <Field label={t('bots.name')} value={name} maxLength={limits.name} required autoComplete="off" onChange={(e) => setName(e.target.value)} error={at('name')} />
        <label className="field">
          <span>{t('bots.sees')}</span>
          <select value={role} onChange={(e) => setRole(e.target.value as ServerRole)}>
            {roles.map((r) => (
              <option key={r.value} value={r.value}>
                {t(r.label)}
              </option>
            ))}
          </select>
        </label>
        <Fault text={elsewhere('name')} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button primary" disabled={busy || name.trim() === ''}>
            {t('bots.create')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

import { useState } from 'react'
import { type Key, t } from '../../i18n'
import type { ServerRole, User } from '../../protocol/types'
import { call } from '../../store/actions'
import { useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'
import { Tokens } from './Tokens'

const roles: { value: ServerRole; label: Key }[] = [
  { value: 'guest', label: 'bots.guest' },
  { value: 'member', label: 'bots.member' },
]

/** Accounts of programs: makes them, and leads to their tokens. */
export function Bots({ onClose }: { onClose: () => void }) {
  const people = useChat((s) => s.people)
  const limits = useChat((s) => s.limits)
  const [name, setName] = useState('')
  const [role, setRole] = useState<ServerRole>('guest')
  const [open, setOpen] = useState<User | null>(null)
  const bots = Object.values(people)
    .filter((u) => u.bot && !u.disabled)
    .sort((a, b) => a.name.localeCompare(b.name))
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    setOpen(await call('bot.create', { name, role }))
    setName('')
  })
  return (
    <>
      <Dialog title={t('account.bots')} onClose={onClose} wide>
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
          <button className="button primary full" disabled={busy || name.trim() === ''}>
            {t('bots.create')}
          </button>
        </form>
        <h3 className="list-title">{t('bots.list')}</h3>
        {bots.length === 0 && <p className="list-empty">{t('bots.none')}</p>}
        <ul className="lines">
          {bots.map((u) => (
            <li key={u.id}>
              <span className="lines-text" style={{ overflowWrap: 'anywhere' }}>
                <b>
                  <bdi>{u.name}</bdi>
                </b>
                <small>{t(u.role === 'guest' ? 'bots.guest' : 'bots.member')}</small>
              </span>
              <button className="button" aria-label={t('tokens.of', { name: u.name })} onClick={() => setOpen(u)}>
                {t('bots.tokens')}
              </button>
            </li>
          ))}
        </ul>
      </Dialog>
      {open && <Tokens bot={open} onClose={() => setOpen(null)} />}
    </>
  )
}

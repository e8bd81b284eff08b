import { fullAt } from '../../protocol/base'
import { Ticket } from 'lucide-react'
import { useEffect, useState } from 'react'
import { type Key, t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Invite, ServerRole } from '../../protocol/types'
import { call } from '../../store/actions'
import { nameOf } from '../../store/select'
import { useChat } from '../../store/store'
import { Fault, useSubmit } from '../kit/Form'
import { dateWithYear } from '../kit/time'
import { Once } from '../dialogs/Once'
import { Nothing } from './Nothing'

const all: { value: ServerRole; label: Key }[] = [
  { value: 'member', label: 'invites.member' },
  { value: 'guest', label: 'invites.guest' },
  { value: 'admin', label: 'invites.admin' },
  { value: 'owner', label: 'invites.owner' },
]
const lives: { hours: number; label: Key }[] = [
  { hours: 24, label: 'invites.day' },
  { hours: 168, label: 'invites.week' },
  { hours: 720, label: 'invites.month' },
]

/** Makes links with which people sign up. */
export function Invites() {
  const me = useChat((s) => s.me)
  const chat = useChat((s) => s)
  const [role, setRole] = useState<ServerRole>('member')
  const [hours, setHours] = useState(168)
  const [link, setLink] = useState<string | null>(null)
  const [open, setOpen] = useState<Invite[] | null>(null)
  const [fault, setFault] = useState<string | null>(null)
  const refresh = () => call('invite.list', {}).then((r) => setOpen(r.invites), (err: unknown) => setFault(explain(err)))
  useEffect(() => void refresh(), [])
  const { busy, submit, elsewhere } = useSubmit(async () => {
    const { code } = await call('invite.create', { role, hours })
    setLink(fullAt(`#invite=${encodeURIComponent(code)}`))
    await refresh()
  })
  const withdraw = (id: string) =>
    call('invite.delete', { invite: id }).then(refresh, (err: unknown) => setFault(explain(err)))
  return (
    <>
      <form className="admin-form" onSubmit={submit}>
        <p className="dialog-text">{t('invites.text')}</p>
        <div className="pair">
          <label className="field">
            <span>{t('invites.as')}</span>
            <select value={role} onChange={(e) => setRole(e.target.value as ServerRole)}>
              {all.filter((r) => r.value !== 'owner' || me.role === 'owner').map((r) => (
                <option key={r.value} value={r.value}>
                  {t(r.label)}
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            <span>{t('invites.valid')}</span>
            <select value={hours} onChange={(e) => setHours(Number(e.target.value))}>
              {lives.map((l) => (
                <option key={l.hours} value={l.hours}>
                  {t(l.label)}
                </option>
              ))}
            </select>
          </label>
        </div>
        <Fault text={elsewhere()} />
        <button className="button primary" disabled={busy}>
          {t('invites.create')}
        </button>
      </form>
      {link && <Once fresh value={link} label={t('invites.link')} copy={t('invites.copy')} hint={t('invites.once')} />}
      <div role="alert">{fault && <p className="fault">{fault}</p>}</div>
      <h2 className="list-title">{t('invites.open')}</h2>
      {open === null && !fault && <p className="list-empty">{t('app.loading')}</p>}
      {open?.length === 0 && <Nothing icon={<Ticket size={28} />} text={t('invites.none')} />}
      <ul className="lines">
        {open?.map((i) => (
          <li key={i.id}>
            <span className="lines-text">
              <b>{t(`role.${i.role}`)}</b>
              <small>{t(i.created_by === me.id ? 'invites.byYou' : 'invites.by', { name: nameOf(chat, i.created_by ?? ''), date: dateWithYear(i.expires_at) })}</small>
            </span>
            <button className="button" onClick={() => void withdraw(i.id)}>
              {t('invites.withdraw')}
            </button>
          </li>
        ))}
      </ul>
    </>
  )
}

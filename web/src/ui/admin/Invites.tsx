import { Ticket } from 'lucide-react'
import { useEffect, useState } from 'react'
import { formatNumber, t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Invite } from '../../protocol/types'
import { call } from '../../store/actions'
import { nameOf } from '../../store/select'
import { useChat } from '../../store/store'
import { dateWithYear } from '../kit/time'
import { InviteForm } from './InviteForm'
import { Nothing } from './Nothing'

/** Makes links with which people sign up. */
export function Invites() {
  const me = useChat((s) => s.me)
  const chat = useChat((s) => s)
  const [open, setOpen] = useState<Invite[] | null>(null)
  const [fault, setFault] = useState<string | null>(null)
  const refresh = () => call('invite.list', {}).then((r) => setOpen(r.invites), (err: unknown) => setFault(explain(err)))
  useEffect(() => void refresh(), [])
  const withdraw = (id: string) =>
    call('invite.delete', { invite: id }).then(refresh, (err: unknown) => setFault(explain(err)))
  return (
    <>
      <InviteForm onCreated={refresh} />
      <div role="alert">{fault && <p className="fault">{fault}</p>}</div>
      <h2 className="list-title">{t('invites.open')}</h2>
      {open === null && !fault && <p className="list-empty">{t('app.loading')}</p>}
      {open?.length === 0 && <Nothing icon={<Ticket size={28} />} text={t('invites.none')} />}
      <ul className="lines">
        {open?.map((i) => (
          <li key={i.id}>
            <span className="lines-text">
              <b>{t(`role.${i.role}`)}</b>
              {i.uses !== undefined && <span className="tag">{t('invites.used', { used: formatNumber(i.used ?? 0), uses: formatNumber(i.uses) })}</span>}
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

import { Check, Copy } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { type Key, t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Invite, ServerRole } from '../../protocol/types'
import { call } from '../../store/actions'
import { nameOf } from '../../store/select'
import { useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, useSubmit } from '../kit/Form'
import { dateWithYear } from '../kit/time'

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
export function Invites({ onClose }: { onClose: () => void }) {
  const me = useChat((s) => s.me)
  const chat = useChat((s) => s)
  const [role, setRole] = useState<ServerRole>('member')
  const [hours, setHours] = useState(168)
  const [link, setLink] = useState<string | null>(null)
  const [open, setOpen] = useState<Invite[]>([])
  const [fault, setFault] = useState<string | null>(null)
  const refresh = () => call('invite.list', {}).then((r) => setOpen(r.invites), (err: unknown) => setFault(explain(err)))
  useEffect(() => void refresh(), [])
  const { busy, submit, elsewhere } = useSubmit(async () => {
    const { code } = await call('invite.create', { role, hours })
    setLink(`${location.origin}/#invite=${encodeURIComponent(code)}`)
    await refresh()
  })
  const withdraw = (id: string) =>
    call('invite.delete', { invite: id }).then(refresh, (err: unknown) => setFault(explain(err)))
  return (
    <Dialog title={t('account.invite')} onClose={onClose}>
      <form onSubmit={submit}>
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
        <button className="button primary full" disabled={busy}>
          {t('invites.create')}
        </button>
      </form>
      {link && <CopyLink link={link} />}
      <div role="alert">{fault && <p className="fault">{fault}</p>}</div>
      {open.length > 0 && (
        <>
          <h3 className="list-title">{t('invites.open')}</h3>
          <ul className="lines">
            {open.map((i) => (
              <li key={i.id}>
                <span className="lines-text">
                  <b>{t(`role.${i.role}`)}</b>
                  <small>
                    {t(i.created_by === me.id ? 'invites.byYou' : 'invites.by', { name: nameOf(chat, i.created_by ?? ''), date: dateWithYear(i.expires_at) })}
                  </small>
                </span>
                <button className="button" onClick={() => void withdraw(i.id)}>
                  {t('invites.withdraw')}
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </Dialog>
  )
}

function CopyLink({ link }: { link: string }) {
  const input = useRef<HTMLInputElement>(null)
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    setCopied(false)
    input.current?.select()
  }, [link])
  const copy = () => {
    input.current?.select()
    // Without TLS there is no clipboard for pages: then the selected text is copied by hand.
    navigator.clipboard?.writeText(link).then(() => setCopied(true), () => {})
  }
  return (
    <div className="copy-link">
      <input ref={input} readOnly value={link} aria-label={t('invites.link')} onFocus={(e) => e.target.select()} />
      <button type="button" className="button" onClick={copy} aria-label={t('invites.copy')}>
        {copied ? <Check size={16} aria-hidden /> : <Copy size={16} aria-hidden />}
        {copied ? t('app.copied') : t('app.copy')}
      </button>
      <p className="field-hint">{t('invites.once')}</p>
    </div>
  )
}

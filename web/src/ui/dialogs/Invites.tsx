import { Check, Copy } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { explain } from '../../protocol/error'
import type { Invite, ServerRole } from '../../protocol/types'
import { call } from '../../store/actions'
import { nameOf } from '../../store/select'
import { useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, useSubmit } from '../kit/Form'
import { dateWithYear } from '../kit/time'

const all: { value: ServerRole; label: string }[] = [
  { value: 'member', label: 'Member' },
  { value: 'guest', label: 'Guest: only rooms they are added to' },
  { value: 'admin', label: 'Admin: people, invites, public rooms' },
  { value: 'owner', label: 'Owner: everything' },
]
const lives = [
  { hours: 24, label: 'A day' },
  { hours: 168, label: 'A week' },
  { hours: 720, label: '30 days' },
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
    <Dialog title="Invite people" onClose={onClose}>
      <form onSubmit={submit}>
        <p className="dialog-text">A link lets one person sign up.</p>
        <div className="pair">
          <label className="field">
            <span>As</span>
            <select value={role} onChange={(e) => setRole(e.target.value as ServerRole)}>
              {all.filter((r) => r.value !== 'owner' || me.role === 'owner').map((r) => (
                <option key={r.value} value={r.value}>
                  {r.label}
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            <span>Valid for</span>
            <select value={hours} onChange={(e) => setHours(Number(e.target.value))}>
              {lives.map((l) => (
                <option key={l.hours} value={l.hours}>
                  {l.label}
                </option>
              ))}
            </select>
          </label>
        </div>
        <Fault text={elsewhere()} />
        <button className="button primary full" disabled={busy}>
          Create a link
        </button>
      </form>
      {link && <CopyLink link={link} />}
      <div role="alert">{fault && <p className="fault">{fault}</p>}</div>
      {open.length > 0 && (
        <>
          <h3 className="list-title">Open invites</h3>
          <ul className="lines">
            {open.map((i) => (
              <li key={i.id}>
                <span className="lines-text">
                  <b>{i.role[0]!.toUpperCase() + i.role.slice(1)}</b>
                  <small>
                    by {i.created_by === me.id ? 'you' : nameOf(chat, i.created_by ?? '')}, until {dateWithYear(i.expires_at)}
                  </small>
                </span>
                <button className="button" onClick={() => void withdraw(i.id)}>
                  Withdraw
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
      <input ref={input} readOnly value={link} aria-label="Invite link" onFocus={(e) => e.target.select()} />
      <button type="button" className="button" onClick={copy} aria-label="Copy the link">
        {copied ? <Check size={16} aria-hidden /> : <Copy size={16} aria-hidden />}
        {copied ? 'Copied' : 'Copy'}
      </button>
      <p className="field-hint">It is shown only this once.</p>
    </div>
  )
}

import { useState } from 'react'
import { type Key, t } from '../../i18n'
import { fullAt } from '../../protocol/base'
import type { ServerRole } from '../../protocol/types'
import { call } from '../../store/actions'
import { atLeast, listed, mayModerate, titleOf } from '../../store/select'
import { useChat } from '../../store/store'
import { Once } from '../dialogs/Once'
import { Fault, useSubmit } from '../kit/Form'
import { InviteCode } from './InviteCode'

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
const uses = [1, 10, 100, 1000]

/** Makes a link with which one person or several sign up. */
export function InviteForm({ onCreated }: { onCreated?: () => Promise<void> }) {
  const chat = useChat((s) => s)
  const { me } = chat
  const [role, setRole] = useState<ServerRole>('member')
  const [hours, setHours] = useState(168)
  const [most, setMost] = useState(10)
  const [rooms, setRooms] = useState<string[]>([])
  const [link, setLink] = useState<string | null>(null)
  const { busy, submit, elsewhere } = useSubmit(async () => {
    const { code } = await call('invite.create', { role, hours, uses: most, ...(rooms.length > 0 ? { rooms } : {}) })
    setLink(fullAt(`#invite=${encodeURIComponent(code)}`))
    await onCreated?.()
  })
  const possible = listed(chat)
    .filter((r) => r.kind !== 'direct' && !r.archived && r.id !== 'general' && (r.kind === 'public' || mayModerate(chat, r)))
    .sort((a, b) => (a.name ?? '').localeCompare(b.name ?? ''))
  return (
    <>
      <form className="admin-form" onSubmit={submit}>
        <p className="dialog-text">{t('invites.text')}</p>
        <div className="pair">
          <label className="field">
            <span>{t('invites.as')}</span>
            <select value={role} onChange={(e) => setRole(e.target.value as ServerRole)}>
              {all.filter((r) => atLeast(me, r.value)).map((r) => (
                <option key={r.value} value={r.value}>
                  {t(r.label)}
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            <span>{t('invites.uses')}</span>
            <select value={most} onChange={(e) => setMost(Number(e.target.value))}>
              {uses.map((n) => (
                <option key={n} value={n}>
                  {t('invites.people', { count: n })}
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
        {possible.length > 0 && (
          <fieldset className="choices invite-rooms">
            <legend>{t(role === 'guest' ? 'invites.roomsGuest' : 'invites.rooms')}</legend>
            {possible.map((r) => (
              <label key={r.id} className="choice">
                <input type="checkbox" checked={rooms.includes(r.id)} onChange={(e) => setRooms(e.target.checked ? [...rooms, r.id] : rooms.filter((id) => id !== r.id))} />
                <span>
                  <bdi>{titleOf(chat, r)}</bdi>
                </span>
              </label>
            ))}
          </fieldset>
        )}
        <Fault text={elsewhere()} />
        <button className="button primary" disabled={busy}>
          {t('invites.create')}
        </button>
      </form>
      {link && (
        <>
          <Once fresh value={link} label={t('invites.link')} copy={t('invites.copy')} hint={t('invites.once')} />
          <InviteCode link={link} />
        </>
      )}
    </>
  )
}

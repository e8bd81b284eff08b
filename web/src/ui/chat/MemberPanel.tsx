import { UserPlus, X } from 'lucide-react'
import { useEffect, useMemo, useState } from 'react'
import { formatNumber, t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Member } from '../../protocol/types'
import { loadMembers } from '../../store/actions'
import { mayModerate, nameOf } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { arrowKeys } from '../kit/hooks'
import { MemberItem } from './MemberItem'

/** Who is in the open room. */
export function MemberPanel({ room, onClose }: { room: string; onClose: () => void }) {
  const view = useChat((s) => s.rooms[room])
  const members = useChat((s) => s.members[room])
  const moderate = useChat((s) => (s.rooms[room] ? mayModerate(s, s.rooms[room]) : false))
  const chat = useChat((s) => s)
  const online = useApp((a) => a.status.kind === 'online')
  const [fault, setFault] = useState<string | null>(null)
  const missing = members === undefined
  useEffect(() => {
    if (!missing || !online) return
    setFault(null)
    loadMembers(room).catch((err: unknown) => setFault(explain(err)))
  }, [missing, online, room])
  const sorted = useMemo(() => {
    const score = (m: Member) => (chat.online[m.user] ? 0 : 1)
    return Object.values(members ?? {}).sort((a, b) => score(a) - score(b) || nameOf(chat, a.user).localeCompare(nameOf(chat, b.user)))
  }, [members, chat.online, chat.people])
  if (!view) return null
  return (
    <aside className="members" aria-label={t('members.label')}>
      <header className="members-head">
        <h2>{t('members.title')}</h2>
        <span className="members-count">{formatNumber(view.members)}</span>
        {moderate && (
          <button className="icon-button" aria-label={t('room.addPeople')} onClick={() => openDialog({ kind: 'add-people', room })}>
            <UserPlus size={17} />
          </button>
        )}
        <button className="icon-button" aria-label={t('members.close')} onClick={onClose}>
          <X size={18} />
        </button>
      </header>
      {fault && (
        <p className="fault" role="alert">
          {fault}
        </p>
      )}
      {missing && !fault && <p className="list-empty">{t('app.loading')}</p>}
      <ul onKeyDown={arrowKeys}>
        {sorted.map((m) => (
          <MemberItem key={m.user} member={m} room={view} moderate={moderate} />
        ))}
      </ul>
    </aside>
  )
}

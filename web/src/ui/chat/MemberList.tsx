import { useEffect, useMemo, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Member } from '../../protocol/types'
import { loadMembers } from '../../store/actions'
import { nameOf } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { arrowKeys } from '../kit/hooks'
import { MemberItem } from './MemberItem'

/** Who is in a room: those online first, then by name. */
export function MemberList({ room }: { room: string }) {
  const view = useChat((s) => s.rooms[room])
  const members = useChat((s) => s.members[room])
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
    <>
      {fault && (
        <p className="fault" role="alert">
          {fault}
        </p>
      )}
      {missing && !fault && <p className="list-empty">{t('app.loading')}</p>}
      <ul className="member-list" onKeyDown={arrowKeys}>
        {sorted.map((m) => (
          <MemberItem key={m.user} member={m} room={view} />
        ))}
      </ul>
    </>
  )
}

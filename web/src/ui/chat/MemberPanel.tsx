import { MoreHorizontal, ShieldCheck, ShieldOff, UserMinus, UserPlus, X } from 'lucide-react'
import { useEffect, useMemo, useState } from 'react'
import { explain } from '../../protocol/error'
import type { Member, RoomView } from '../../protocol/types'
import { loadMembers, openDirect, removeMember, updateMember } from '../../store/actions'
import { mayModerate, nameOf, presence } from '../../store/select'
import { toast, useApp, useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { Avatar } from '../kit/Avatar'
import { arrowKeys } from '../kit/hooks'
import { Menu, MenuItem } from '../kit/Menu'

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
    <aside className="members" aria-label="People in this room">
      <header className="members-head">
        <h2>People</h2>
        <span className="members-count">{view.members}</span>
        {moderate && (
          <button className="icon-button" aria-label="Add people" onClick={() => openDialog({ kind: 'add-people', room })}>
            <UserPlus size={17} />
          </button>
        )}
        <button className="icon-button" aria-label="Close the list of people" onClick={onClose}>
          <X size={18} />
        </button>
      </header>
      {fault && (
        <p className="fault" role="alert">
          {fault}
        </p>
      )}
      {missing && !fault && <p className="list-empty">Loading…</p>}
      <ul onKeyDown={arrowKeys}>
        {sorted.map((m) => (
          <MemberItem key={m.user} member={m} room={view} moderate={moderate} />
        ))}
      </ul>
    </aside>
  )
}

function MemberItem({ member, room, moderate }: { member: Member; room: RoomView; moderate: boolean }) {
  const name = useChat((s) => nameOf(s, member.user))
  const me = useChat((s) => s.me)
  const online = useChat((s) => presence(s, member.user))
  const guest = useChat((s) => s.people[member.user]?.role === 'guest')
  const self = member.user === me.id
  const moderator = member.role === 'moderator'
  const removable = room.id !== 'general' || guest
  const run = (p: Promise<unknown>) => p.catch((err: unknown) => toast(explain(err)))
  return (
    <li className="member">
      <button className="person-item" data-nav disabled={self || me.role === 'guest'} onClick={() => run(openDirect(member.user))}>
        <Avatar id={member.user} name={name} size="small" online={online} />
        <span className="person-name">
          {name}
          {self && <span className="muted"> (you)</span>}
        </span>
        <span className="visually-hidden">{online === undefined ? '' : online ? 'online' : 'offline'}</span>
        {(moderator || guest) && <span className="tag">{moderator ? 'Moderator' : 'Guest'}</span>}
      </button>
      {moderate && !self && (
        <Menu
          trigger={
            <button className="icon-button" aria-label={`Change ${name}`}>
              <MoreHorizontal size={16} />
            </button>
          }
        >
          <MenuItem
            icon={moderator ? <ShieldOff size={16} /> : <ShieldCheck size={16} />}
            onSelect={() => run(updateMember(room.id, member.user, moderator ? 'member' : 'moderator'))}
          >
            {moderator ? 'No longer a moderator' : 'Make a moderator'}
          </MenuItem>
          {removable && (
            <MenuItem icon={<UserMinus size={16} />} danger onSelect={() => run(removeMember(room.id, member.user))}>
              Remove from the room
            </MenuItem>
          )}
        </Menu>
      )}
    </li>
  )
}

import { MoreHorizontal, ShieldCheck, ShieldOff, UserMinus } from 'lucide-react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Member, RoomView, User } from '../../protocol/types'
import { removeMember, updateMember } from '../../store/actions'
import { shutOut } from '../../store/person'
import { nameOf, presence, rolesToGive } from '../../store/select'
import { toast, useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { Avatar } from '../kit/Avatar'
import { Menu, MenuItem, MenuLine } from '../kit/Menu'
import { OnServer } from '../people/OnServer'
import { StatusMark } from '../people/Status'

const run = (p: Promise<unknown>) => p.catch((err: unknown) => toast(explain(err)))

/** One person in a room, and what one may do with them: in the room, and on the server. */
export function MemberItem({ member, room, moderate }: { member: Member; room: RoomView; moderate: boolean }) {
  const name = useChat((s) => nameOf(s, member.user))
  const me = useChat((s) => s.me)
  const person = useChat((s) => s.people[member.user])
  const online = useChat((s) => presence(s, member.user))
  const self = member.user === me.id
  const roles = person ? rolesToGive(me, person) : []
  const tag = tagOf(member, person)
  return (
    <li className="member">
      <button className="person-item" data-nav onClick={() => openDialog({ kind: 'profile', user: member.user })}>
        <Avatar id={member.user} name={name} size="small" online={online} />
        <span className="person-name">
          <bdi>{name}</bdi>
          {self && <span className="muted">{t('members.you')}</span>}
          <StatusMark user={member.user} />
        </span>
        <span className="visually-hidden">{online === undefined ? '' : online ? t('app.onlineInside') : t('app.offlineInside')}</span>
        {tag && <span className="tag">{tag}</span>}
      </button>
      {!self && (moderate || roles.length > 0) && (
        <Menu
          trigger={
            <button className="icon-button" aria-label={t('members.change', { name })}>
              <MoreHorizontal size={16} />
            </button>
          }
        >
          {moderate && <InRoom member={member} room={room} guest={person?.role === 'guest'} />}
          {moderate && roles.length > 0 && <MenuLine />}
          {person && roles.length > 0 && <OnServer person={person} roles={roles} />}
        </Menu>
      )}
    </li>
  )
}

function tagOf(member: Member, person: User | undefined): string {
  if (person && shutOut(person, Date.now())) return t('members.disabledTag')
  if (member.role === 'moderator') return t('members.moderatorTag')
  return person && person.role !== 'member' ? t(`role.${person.role}`) : ''
}

function InRoom({ member, room, guest }: { member: Member; room: RoomView; guest: boolean }) {
  const moderator = member.role === 'moderator'
  return (
    <>
      <MenuItem
        icon={moderator ? <ShieldOff size={16} /> : <ShieldCheck size={16} />}
        onSelect={() => run(updateMember(room.id, member.user, moderator ? 'member' : 'moderator'))}
      >
        {moderator ? t('members.demote') : t('members.promote')}
      </MenuItem>
      {(room.id !== 'general' || guest) && (
        <MenuItem icon={<UserMinus size={16} />} danger onSelect={() => run(removeMember(room.id, member.user))}>
          {t('members.remove')}
        </MenuItem>
      )}
    </>
  )
}

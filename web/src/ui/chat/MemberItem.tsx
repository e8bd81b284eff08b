import { MicOff, MoreHorizontal } from 'lucide-react'
import { t } from '../../i18n'
import type { Member, RoomView, User } from '../../protocol/types'
import { shutOut } from '../../store/person'
import { nameOf, presence, rolesToGive } from '../../store/select'
import { useChat } from '../../store/store'
import { openOver } from '../dialogs/open'
import { Avatar } from '../kit/Avatar'
import { useBefore } from '../kit/hooks'
import { Menu, MenuLine } from '../kit/Menu'
import { momentName } from '../kit/time'
import { OnServer } from '../people/OnServer'
import { StatusMark } from '../people/Status'
import { InRoom, useModerates } from './InRoom'

/** One person in a room, and what one may do with them: in the room, and on the server. */
export function MemberItem({ member, room }: { member: Member; room: RoomView }) {
  const name = useChat((s) => nameOf(s, member.user))
  const me = useChat((s) => s.me)
  const person = useChat((s) => s.people[member.user])
  const online = useChat((s) => presence(s, member.user))
  const self = member.user === me.id
  const roles = person ? rolesToGive(me, person) : []
  const tag = tagOf(member, person)
  const moderate = useModerates(room.id, member.user)
  const muted = useBefore(member.mute?.until) ? t('moderate.mutedUntil', { time: momentName(member.mute!.until, Date.now()) }) : ''
  return (
    <li className="member">
      <button className="person-item" data-nav onClick={() => openOver({ kind: 'profile', user: member.user })}>
        <Avatar id={member.user} name={name} size="small" online={online} />
        <span className="person-name">
          <bdi>{name}</bdi>
          {self && <span className="muted">{t('members.you')}</span>}
          <StatusMark user={member.user} />
        </span>
        <span className="visually-hidden">{online === undefined ? '' : online ? t('app.onlineInside') : t('app.offlineInside')}</span>
        {muted && (
          <span className="muted-mark" title={muted}>
            <MicOff size={14} aria-hidden />
            <span className="visually-hidden">{muted}</span>
          </span>
        )}
        {tag && <span className="tag">{tag}</span>}
      </button>
      {(moderate || roles.length > 0) && (
        <Menu
          trigger={
            <button className="icon-button" aria-label={t('members.change', { name })}>
              <MoreHorizontal size={16} />
            </button>
          }
        >
          {moderate && <InRoom room={room.id} user={member.user} />}
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

import { Ban, MoreHorizontal, ShieldCheck, ShieldOff, UserCheck, UserCog, UserMinus } from 'lucide-react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Member, RoomView, User } from '../../protocol/types'
import { openDirect, removeMember, updateMember, updateUser } from '../../store/actions'
import { nameOf, presence, rolesToGive } from '../../store/select'
import { toast, useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { Avatar } from '../kit/Avatar'
import { Menu, MenuItem, MenuLine, MenuText } from '../kit/Menu'

const run = (p: Promise<unknown>) => p.catch((err: unknown) => toast(explain(err)))
const make = { owner: 'members.makeOwner', admin: 'members.makeAdmin', member: 'members.makeMember', guest: 'members.makeGuest' } as const

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
      <button className="person-item" data-nav disabled={self || me.role === 'guest'} onClick={() => run(openDirect(member.user))}>
        <Avatar id={member.user} name={name} size="small" online={online} />
        <span className="person-name">
          <bdi>{name}</bdi>
          {self && <span className="muted">{t('members.you')}</span>}
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
  if (person?.disabled) return t('members.disabledTag')
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

function OnServer({ person, roles }: { person: User; roles: User['role'][] }) {
  const disable = () =>
    openDialog({
      kind: 'confirm',
      title: t('members.disableTitle', { name: person.name }),
      text: t('members.disableText'),
      action: t('members.disableAction'),
      danger: true,
      run: async () => void (await updateUser(person.id, { disabled: true })),
    })
  return (
    <>
      <MenuText>{t('members.onServer')}</MenuText>
      {roles
        .filter((r) => r !== person.role)
        .map((r) => (
          <MenuItem key={r} icon={<UserCog size={16} />} onSelect={() => run(updateUser(person.id, { role: r }))}>
            {t(make[r])}
          </MenuItem>
        ))}
      {person.disabled ? (
        <MenuItem icon={<UserCheck size={16} />} onSelect={() => run(updateUser(person.id, { disabled: false }))}>
          {t('members.enable')}
        </MenuItem>
      ) : (
        <MenuItem icon={<Ban size={16} />} danger onSelect={disable}>
          {t('members.disable')}
        </MenuItem>
      )}
    </>
  )
}

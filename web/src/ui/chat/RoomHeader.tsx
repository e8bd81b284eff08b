import { ArrowLeft, Bell, CalendarDays, Hash, Lock, LogOut, MoreHorizontal, Pin, Search, Settings2, UserPlus, Users, Webhook } from 'lucide-react'
import { formatNumber, t } from '../../i18n'
import type { RoomView } from '../../protocol/types'
import { openRoom } from '../../store/actions'
import { useMarks } from '../../store/marks'
import { mayLeave, mayModerate, otherOf, presence, titleOf } from '../../store/select'
import { useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { Avatar } from '../kit/Avatar'
import { Menu, MenuItem } from '../kit/Menu'
import { StatusLine, useQuiet } from '../people/Status'
import { leave } from './leave'

interface Props {
  room: RoomView
  members: boolean
  onMembers: () => void
}

/** The open room's name and topic, and what one can do with it. */
export function RoomHeader({ room, members, onMembers }: Props) {
  const title = useChat((s) => titleOf(s, room))
  const other = useChat((s) => otherOf(s, room))
  const online = useChat((s) => presence(s, other))
  const moderate = useChat((s) => mayModerate(s, room))
  const leavable = useChat((s) => mayLeave(s, room))
  const searching = useMarks((m) => m.searching)
  const direct = room.kind === 'direct'
  return (
    <header className="room-head">
      <button className="icon-button back" aria-label={t('room.back')} onClick={() => openRoom(null)}>
        <ArrowLeft size={20} className="flip" />
      </button>
      {direct ? (
        <button className="face" aria-label={t('profile.of', { name: title })} onClick={() => openDialog({ kind: 'profile', user: other })}>
          <Avatar id={other} name={title} online={online} />
        </button>
      ) : (
        <span className="room-sign" aria-hidden="true">
          {room.kind === 'private' ? <Lock size={16} /> : <Hash size={18} />}
        </span>
      )}
      <div className="room-head-text">
        <h1>
          <bdi>{title}</bdi>
        </h1>
        <p>
          {direct && (
            <>
              <Presence user={other} online={online} />
              <StatusLine user={other} />
            </>
          )}
          {!direct && <bdi>{room.topic || (room.kind === 'private' ? t('room.private') : t('room.public'))}</bdi>}
        </p>
      </div>
      <button className="icon-button" aria-label={t('search.title')} title={t('search.title')} aria-pressed={searching} onClick={() => useMarks.setState({ searching: !searching })}>
        <Search size={18} />
      </button>
      {!direct && (
        <button className="button quiet count-button" aria-pressed={members} aria-label={t('room.peopleHere', { count: formatNumber(room.members) })} onClick={onMembers}>
          <Users size={16} aria-hidden />
          {formatNumber(room.members)}
        </button>
      )}
      <Menu
          trigger={
            <button className="icon-button" aria-label={t('room.more')}>
              <MoreHorizontal size={18} />
            </button>
          }
        >
          <MenuItem icon={<Bell size={16} />} onSelect={() => openDialog({ kind: 'level', room: room.id })}>
            {t('settings.notify')}
          </MenuItem>
          <MenuItem icon={<Pin size={16} />} onSelect={() => openDialog({ kind: 'pins', room: room.id })}>
            {t('pins.title')}
          </MenuItem>
          <MenuItem icon={<CalendarDays size={16} />} onSelect={() => openDialog({ kind: 'jump', room: room.id })}>
            {t('jump.title')}
          </MenuItem>
          {moderate && (
            <>
              <MenuItem icon={<UserPlus size={16} />} onSelect={() => openDialog({ kind: 'add-people', room: room.id })}>
                {t('room.addPeople')}
              </MenuItem>
              <MenuItem icon={<Settings2 size={16} />} onSelect={() => openDialog({ kind: 'settings', room: room.id })}>
                {t('room.nameAndTopic')}
              </MenuItem>
              <MenuItem icon={<Webhook size={16} />} onSelect={() => openDialog({ kind: 'webhooks', room: room.id })}>
                {t('room.webhooks')}
              </MenuItem>
            </>
          )}
          {leavable && (
            <MenuItem icon={<LogOut size={16} />} danger onSelect={() => void leave(room)}>
              {t('room.leave')}
            </MenuItem>
          )}
      </Menu>
    </header>
  )
}

/** Whether the other person of a direct room is there, and may be disturbed. */
function Presence({ user, online }: { user: string; online: boolean | undefined }) {
  const quiet = useQuiet(user)
  const said = online === undefined ? t('room.direct') : online ? t('app.online') : t('app.offline')
  return <span>{quiet ? `${said}, ${t('quiet.inside')}` : said}</span>
}

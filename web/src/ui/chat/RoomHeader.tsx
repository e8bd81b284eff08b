import { ArrowLeft, Bell, CalendarDays, FileIcon, LogOut, MoreHorizontal, Pin, Search, Settings2, UserPlus, Users, X } from 'lucide-react'
import { formatNumber, t } from '../../i18n'
import type { RoomView } from '../../protocol/types'
import { openRoom } from '../../store/actions'
import { closeThread, useMarks } from '../../store/marks'
import { isGroup, mayLeave, mayModerate, otherOf, presence, titleOf } from '../../store/select'
import { useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { Menu, MenuItem } from '../kit/Menu'
import { StatusLine, useQuiet } from '../people/Status'
import { closeDirect, leave } from './leave'
import { RoomFace } from './RoomFace'

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
  const group = isGroup(room)
  return (
    <header className="room-head">
      <button className="icon-button back" aria-label={t('room.back')} onClick={() => openRoom(null)}>
        <ArrowLeft size={20} className="flip" />
      </button>
      {other ? (
        <button className="face" aria-label={t('profile.of', { name: title })} onClick={() => openDialog({ kind: 'profile', user: other })}>
          <RoomFace room={room} />
        </button>
      ) : (
        <RoomFace room={room} />
      )}
      <div className="room-head-text">
        <h1>
          <bdi>{title}</bdi>
          {room.archived && <span className="tag">{t('archive.tag')}</span>}
        </h1>
        <p>
          {other && (
            <>
              <Presence user={other} online={online} />
              <StatusLine user={other} />
            </>
          )}
          {!other && <bdi>{group ? t('group.people', { count: room.members }) : room.topic || (room.kind === 'private' ? t('room.private') : t('room.public'))}</bdi>}
        </p>
      </div>
      <button className="icon-button" aria-label={t('search.title')} title={t('search.title')} aria-pressed={searching} onClick={() => useMarks.setState({ searching: !searching })}>
        <Search size={18} />
      </button>
      {(!direct || group) && (
        <button className="button quiet count-button" aria-pressed={members} aria-label={t('room.peopleHere', { count: room.members, number: formatNumber(room.members) })} onClick={onMembers}>
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
          <MenuItem icon={<FileIcon size={16} />} onSelect={() => (closeThread(), useMarks.setState({ files: true, searching: false }))}>
            {t('files.title')}
          </MenuItem>
          <MenuItem icon={<CalendarDays size={16} />} onSelect={() => openDialog({ kind: 'jump', room: room.id })}>
            {t('jump.title')}
          </MenuItem>
          {moderate && (
            <>
              {!room.archived && (
                <MenuItem icon={<UserPlus size={16} />} onSelect={() => openDialog({ kind: 'settings', room: room.id, tab: 'people' })}>
                  {t('room.addPeople')}
                </MenuItem>
              )}
              <MenuItem icon={<Settings2 size={16} />} onSelect={() => openDialog({ kind: 'settings', room: room.id })}>
                {t('room.settings')}
              </MenuItem>
            </>
          )}
          {direct && (
            <MenuItem icon={<X size={16} />} onSelect={() => void closeDirect(room)}>
              {t(group ? 'group.close' : 'list.closeDirect')}
            </MenuItem>
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

import { ArrowDown, ArrowUp, Bell, FolderInput, FolderPlus, LogOut, Mail, MailOpen, Star, StarOff, X } from 'lucide-react'
import { create } from 'zustand'
import { useDocument } from '../../store/documents'
import { t } from '../../i18n'
import { isGroup, mayLeave, shownUnread } from '../../store/select'
import { type Layout, mayPlace, mostSorted, move, place, type Section } from '../../store/sidebar'
import { useChat } from '../../store/store'
import { markRoomRead, markUnread } from '../../store/unread'
import { openDialog } from '../dialogs/open'
import { MenuAt, MenuItem, MenuLine, MenuText } from '../kit/Menu'
import { closeDirect, leave } from './leave'

const useMenu = create<{ room: string | null; anchor: HTMLElement | null }>()(() => ({ room: null, anchor: null }))

/** Opens the menu of a room on the list, beside its row. */
export const openRoomMenu = (room: string, anchor: HTMLElement) => useMenu.setState({ room, anchor })

/** What one can do with a room on the list. */
export function RoomMenu({ sections }: { sections: Section[] }) {
  const { room: id, anchor } = useMenu()
  const room = useChat((s) => (id === null ? undefined : s.rooms[id]))
  const leavable = useChat((s) => room !== undefined && mayLeave(s, room))
  const unread = useChat((s) => (room ? shownUnread(s, room) : 0))
  const layout = useDocument<Layout>('sidebar')
  if (!room || !anchor) return null
  const section = sections.find((x) => x.rooms.includes(room.id))
  const usual = room.kind === 'direct' ? 'directs' : 'rooms'
  const at = layout.placed?.[room.id] ?? usual
  const index = section?.rooms.indexOf(room.id) ?? -1
  const sortable = section !== undefined && mayPlace(room, section.id) && section.rooms.length > 1 && section.rooms.length <= mostSorted
  const others = (layout.sections ?? []).filter((x) => x.id !== at)
  return (
    <MenuAt anchor={anchor} label={t('list.roomMenu')} onClose={() => useMenu.setState({ room: null, anchor: null })}>
      {unread > 0 ? (
        <MenuItem icon={<MailOpen size={16} />} onSelect={() => markRoomRead(room.id)}>
          {t('list.markRead')}
        </MenuItem>
      ) : (
        room.head_no > 0 && (
          <MenuItem icon={<Mail size={16} />} onSelect={() => markUnread(room.id, room.head_no)}>
            {t('list.markUnread')}
          </MenuItem>
        )
      )}
      <MenuItem icon={<Bell size={16} />} onSelect={() => openDialog({ kind: 'level', room: room.id })}>
        {t('settings.notify')}
      </MenuItem>
      {!room.archived && (
        <>
          <MenuLine />
          {at === 'favourites' ? (
            <MenuItem icon={<StarOff size={16} />} onSelect={() => place(room, usual)}>
              {t('list.unfavourite')}
            </MenuItem>
          ) : (
            <MenuItem icon={<Star size={16} />} onSelect={() => place(room, 'favourites')}>
              {t('list.favourite')}
            </MenuItem>
          )}
          {sortable && index > 0 && (
            <MenuItem icon={<ArrowUp size={16} />} onSelect={() => move(section, room, -1)}>
              {t('section.up')}
            </MenuItem>
          )}
          {sortable && index < section.rooms.length - 1 && (
            <MenuItem icon={<ArrowDown size={16} />} onSelect={() => move(section, room, 1)}>
              {t('section.down')}
            </MenuItem>
          )}
          <MenuLine />
          <MenuText>{t('section.moveTo')}</MenuText>
          {others.map((x) => (
            <MenuItem key={x.id} icon={<FolderInput size={16} />} onSelect={() => place(room, x.id)}>
              <bdi>{x.name}</bdi>
            </MenuItem>
          ))}
          {at !== usual && at !== 'favourites' && (
            <MenuItem icon={<FolderInput size={16} />} onSelect={() => place(room, usual)}>
              {t(usual === 'directs' ? 'list.directs' : 'list.rooms')}
            </MenuItem>
          )}
          <MenuItem icon={<FolderPlus size={16} />} onSelect={() => openDialog({ kind: 'section', room: room.id })}>
            {t('section.new')}
          </MenuItem>
        </>
      )}
      {room.kind === 'direct' && (
        <>
          <MenuLine />
          <MenuItem icon={<X size={16} />} onSelect={() => void closeDirect(room)}>
            {t(isGroup(room) ? 'group.close' : 'list.closeDirect')}
          </MenuItem>
        </>
      )}
      {leavable && (
        <>
          <MenuLine />
          <MenuItem icon={<LogOut size={16} />} danger onSelect={() => void leave(room)}>
            {t('room.leave')}
          </MenuItem>
        </>
      )}
    </MenuAt>
  )
}

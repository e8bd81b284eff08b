import { useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { openRoom, inAddress, showRoom } from '../../store/actions'
import { closeThread, useMarks } from '../../store/marks'
import { atLeast, sortedRooms, totalUnread } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { AdminPart } from '../admin/AdminPart'
import { Dialogs } from '../dialogs/Dialogs'
import { closeDialog, openDialog } from '../dialogs/open'
import { useMedia } from '../kit/hooks'
import { ConnectionBar } from './ConnectionBar'
import { MemberPanel } from './MemberPanel'
import { Room } from './Room'
import { SearchPane } from './SearchPane'
import { Sidebar } from './Sidebar'
import { ThreadPane } from './ThreadPane'
import { UpdateBar } from './UpdateBar'
import { useKeys } from './useKeys'
import { useNotify } from './useNotify'

/** The chat: rooms beside the open one, or on a phone one after the other. */
export function Shell() {
  const room = useApp((a) => a.room)
  const known = useChat((s) => (room !== null ? s.rooms[room] !== undefined : false))
  const phone = useMedia('(max-width: 719px)')
  const away = useApp((a) => a.status.kind !== 'online')
  const [members, setMembers] = useState(false)
  const thread = useMarks((m) => (m.thread && m.thread.room === room ? m.thread : null))
  useEffect(() => {
    if (useMarks.getState().thread?.room !== room) closeThread()
  }, [room])
  useAddress(phone)
  useTitle()
  useNotify()
  const searching = useMarks((m) => m.searching)
  useKeys(() => {
    if (useMarks.getState().thread) closeThread()
    else if (useMarks.getState().searching) useMarks.setState({ searching: false })
    else setMembers(false)
  })
  useEffect(
    () => () => {
      if (useApp.getState().screen !== 'chat') closeDialog() // not to be there for whoever logs in next
    },
    [],
  )
  const admin = useApp((a) => a.admin)
  const open = room !== null && known
  if (admin) {
    return (
      <div className={`shell-admin${away ? ' away' : ''}`}>
        <UpdateBar />
        <ConnectionBar />
        <AdminPart page={admin} />
        <Dialogs />
      </div>
    )
  }
  return (
    <div className={`shell${open ? ' in-room' : ''}${(thread && open) || searching ? ' with-thread' : members && open ? ' with-members' : ''}${away ? ' away' : ''}`}>
      <Sidebar />
      <main className="main" aria-label={open ? undefined : t('room.label')}>
        <UpdateBar />
        <ConnectionBar />
        {open ? <Room key={room} id={room} members={members} onMembers={() => setMembers(!members)} /> : <NoRoom gone={room !== null} />}
      </main>
      {thread && open && <ThreadPane key={`${thread.room}/${thread.no}`} place={thread} />}
      {searching && !thread && <SearchPane />}
      {members && open && !thread && !searching && <MemberPanel key={room} room={room} onClose={() => setMembers(false)} />}
      <Dialogs />
    </div>
  )
}

function NoRoom({ gone }: { gone: boolean }) {
  const title = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    // What had the focus may have gone with the room.
    if (gone && document.activeElement === document.body) title.current?.focus()
  }, [gone])
  const member = useChat((s) => atLeast(s.me, 'member'))
  const parted = useApp((a) => (a.parted && a.parted.room === a.room ? a.parted.text : null))
  return (
    <div className="empty">
      <h1 ref={title} tabIndex={-1}>{gone ? t('room.gone') : t('room.choose')}</h1>
      <p>{parted ?? (gone ? t('room.goneText') : t('room.chooseText', { keys: `${t('keys.ctrl')} K` }))}</p>
      {member && (
        <button className="button" onClick={() => openDialog({ kind: 'browse' })}>
          {t('list.browse')}
        </button>
      )}
    </div>
  )
}

/** Keeps the address and the open room together, and opens one at the start where there is place for it. */
function useAddress(phone: boolean): void {
  useEffect(() => {
    const read = () => {
      const { room, no, admin } = inAddress()
      useApp.setState({ admin })
      if (admin) return // the room stays open under it
      if (room !== null && no !== null) useMarks.setState({ goal: { room, no } })
      showRoom(room)
    }
    read()
    window.addEventListener('popstate', read)
    return () => window.removeEventListener('popstate', read)
  }, [])
  const room = useApp((a) => a.room)
  useEffect(() => {
    const { chat } = useApp.getState()
    if (room !== null || phone || !chat || inAddress().room !== null || inAddress().admin !== null) return
    const first = chat.rooms.general ?? sortedRooms(chat).rooms[0]
    if (first) openRoom(first.id, true)
  }, [room, phone])
}

function useTitle(): void {
  const unread = useChat(totalUnread)
  const name = useApp((a) => a.info?.name ?? 'Parley')
  useEffect(() => {
    document.title = unread > 0 ? `(${unread > 99 ? '99+' : unread}) ${name}` : name
    // The installed client has a badge on its icon.
    if ('setAppBadge' in navigator) navigator.setAppBadge(unread).catch(() => {})
    return () => {
      if ('clearAppBadge' in navigator) navigator.clearAppBadge().catch(() => {})
    }
  }, [unread, name])
}

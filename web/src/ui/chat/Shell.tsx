import { useCallback, useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { inAddress, openRoom, showRoom } from '../../store/actions'
import { useDocument } from '../../store/documents'
import { backed } from '../../store/layers'
import { closeThread, goToReply, goToRoom, openThread, type Place, useMarks } from '../../store/marks'
import type { Preferences } from '../../store/preferences'
import { listed, totalUnread } from '../../store/select'
import { toast, useApp, useChat } from '../../store/store'
import { Dialogs } from '../dialogs/Dialogs'
import { closeDialog, useOpen } from '../dialogs/open'
import { useMedia } from '../kit/hooks'
import { useLayer } from '../kit/layers'
import { PagePart } from '../pages/PagePart'
import { ConnectionBar } from './ConnectionBar'
import { FilesPart } from './FilesPart'
import { MemberPanel } from './MemberPanel'
import { NoRoom } from './NoRoom'
import { Room } from './Room'
import { SearchPane } from './SearchPane'
import { Sidebar } from './Sidebar'
import { ThreadPane } from './ThreadPane'
import { NotifyBar } from './NotifyBar'
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
  const toggleMembers = useCallback(() => setMembers((m) => !m), [])
  const thread = useMarks((m) => (m.thread && m.thread.room === room ? m.thread : null))
  const lastThread = useRef<Place | null>(null)
  if (thread) lastThread.current = thread
  useEffect(() => {
    if (useMarks.getState().thread?.room !== room) closeThread()
    if (phone) {
      setMembers(false)
      closeFiles()
    }
  }, [room])
  const searching = useMarks((m) => m.searching)
  const files = useMarks((m) => m.files)
  const closeFiles = () => useMarks.setState({ files: false })
  const dialog = useOpen((o) => o.open !== null)
  const over = useOpen((o) => o.over !== null)
  useLayer(members, 'members', () => setMembers(false))
  useLayer(searching, 'search', () => useMarks.setState({ searching: false }), () => useMarks.setState({ searching: true }))
  useLayer(files, 'files', closeFiles, () => useMarks.setState({ files: true }))
  useLayer(thread !== null, 'thread', closeThread, () => lastThread.current?.room === useApp.getState().room && void openThread(lastThread.current))
  useLayer(dialog, 'dialog', () => useOpen.setState({ open: null, over: null }))
  useLayer(over, 'over', closeDialog)
  useAddress(phone)
  useTooltips()
  useNotify()
  useKeys(() => {
    if (useMarks.getState().thread) closeThread()
    else if (useMarks.getState().searching) useMarks.setState({ searching: false })
    else if (useMarks.getState().files) closeFiles()
    else setMembers(false)
  })
  useEffect(
    () => () => {
      if (useApp.getState().screen !== 'chat') closeDialog() // not to be there for whoever logs in next
    },
    [],
  )
  const page = useApp((a) => a.page)
  const clock = useDocument<Preferences>('settings').clock
  const open = room !== null && known
  if (page) {
    return (
      <div className={`shell-page${away ? ' away' : ''}`}>
        <Title />
        <UpdateBar />
        <ConnectionBar />
        <PagePart page={page} />
        <Dialogs />
      </div>
    )
  }
  return (
    <div key={clock} className={`shell${open ? ' in-room' : ''}${((thread || files) && open) || searching ? ' with-thread' : members && open ? ' with-members' : ''}${away ? ' away' : ''}`}>
      <Title />
      <Sidebar />
      <main className="main" aria-label={open ? undefined : t('room.label')}>
        <UpdateBar />
        <NotifyBar />
        <ConnectionBar />
        {open ? <Room key={room} id={room} members={members} onMembers={toggleMembers} /> : <NoRoom id={room} />}
      </main>
      {thread && open && <ThreadPane key={`${thread.room}/${thread.no}`} place={thread} />}
      {searching && !thread && <SearchPane />}
      {files && open && !thread && !searching && <FilesPart key={room} room={room} onClose={closeFiles} />}
      {members && open && !thread && !searching && !files && <MemberPanel key={room} room={room} onClose={() => setMembers(false)} />}
      <Dialogs />
    </div>
  )
}

/** Keeps the address and the open room together, and opens one at the start where there is place for it. */
function useAddress(phone: boolean): void {
  useEffect(() => {
    const read = (e?: PopStateEvent) => {
      const { room, no, reply, page } = inAddress()
      // Back may have closed no more than what lay over the room.
      const closed = e !== undefined && backed()
      if (closed && room === useApp.getState().room && page === useApp.getState().page) return
      useApp.setState({ page })
      if (page) return // the room stays open under it
      if (room?.startsWith('t-')) return void goToRoom(room, no)
      if (room !== null && no !== null && reply !== null) return void goToReply({ room, no }, reply)
      if (room !== null && no !== null) useMarks.setState({ goal: { room, no } })
      showRoom(room)
    }
    if (/^#invite=/.test(location.hash)) {
      toast(t('gate.already', { name: useApp.getState().chat?.me.name ?? '' }))
      history.replaceState(null, '', location.pathname)
    }
    read()
    window.addEventListener('popstate', read)
    return () => window.removeEventListener('popstate', read)
  }, [])
  const room = useApp((a) => a.room)
  const page = useApp((a) => a.page)
  useEffect(() => {
    const { chat } = useApp.getState()
    if (room !== null || page !== null || phone || !chat || inAddress().room !== null || inAddress().page !== null) return
    const first = chat.rooms.general ?? listed(chat).find((r) => !r.archived)
    if (first) openRoom(first.id, true)
  }, [room, page, phone])
}

/** Says in the page's title how much is unread, and in the badge that the installed client has on its icon. Not with every message: the system is slow to draw them. */
function Title() {
  const unread = useChat(totalUnread)
  const name = useApp((a) => a.info?.name ?? 'Parley')
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const now = useRef({ unread, name })
  now.current = { unread, name }
  useEffect(() => {
    timer.current ??= setTimeout(() => {
      const { unread, name } = now.current
      timer.current = undefined
      document.title = unread > 0 ? `(${unread > 99 ? '99+' : unread}) ${name}` : name
      if ('setAppBadge' in navigator) navigator.setAppBadge(unread).catch(() => {})
    }, 300)
  }, [unread, name])
  useEffect(
    () => () => {
      clearTimeout(timer.current)
      if ('clearAppBadge' in navigator) navigator.clearAppBadge().catch(() => {})
    },
    [],
  )
  return null
}

/** Every button that shows no more than a picture says what it is when one points at it. */
function useTooltips(): void {
  useEffect(() => {
    const point = (e: PointerEvent) => {
      const button = e.target instanceof Element ? e.target.closest('button[aria-label]:not([title])') : null
      if (button && !button.textContent?.trim()) button.setAttribute('title', button.getAttribute('aria-label')!)
    }
    document.addEventListener('pointerover', point, { passive: true })
    return () => document.removeEventListener('pointerover', point)
  }, [])
}

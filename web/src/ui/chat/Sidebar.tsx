import { Bookmark, CircleAlert, Compass, Flag, Inbox, Plus, Search, UserPlus, Users } from 'lucide-react'
import { useMemo, useRef } from 'react'
import { formatNumber, t } from '../../i18n'
import { openDirect, openPage } from '../../store/actions'
import { explain } from '../../protocol/error'
import { atLeast, inPairs, presence, sortedPeople, useMayInvite, useRight } from '../../store/select'
import { useDocument } from '../../store/documents'
import { useCatchUpCount } from '../../store/done'
import type { Layout } from '../../store/sidebar'
import { useLater, wanting } from '../../store/later'
import { useReports } from '../../store/reports'
import { useMarks } from '../../store/marks'
import { toast, useApp, useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { useUnsent } from '../dialogs/Unsent'
import { Avatar } from '../kit/Avatar'
import { arrowKeys, mac, useMedia } from '../kit/hooks'
import { Mark } from '../kit/Mark'
import { Menu, MenuItem } from '../kit/Menu'
import { StatusMark } from '../people/Status'
import { AccountMenu } from './AccountMenu'
import { Fold } from './SectionHead'
import { Threads } from './Threads'
import { RoomList } from './RoomList'

/** So many people are shown in the list itself; the others are found by name. */
const shownPeople = 30

/** The list of rooms and people, and the way to everything else. */
export function Sidebar() {
  const name = useApp((a) => a.info?.name ?? 'Parley')
  const member = useChat((s) => atLeast(s.me, 'member'))
  const create = useRight('create_rooms')
  const invite = useMayInvite()
  const unsent = useUnsent().length
  const phone = useMedia('(max-width: 719px)')
  const Title = phone ? 'h1' : 'span' // on a phone, the list is a screen of its own
  const lists = useRef<HTMLDivElement>(null)
  return (
    <nav className="sidebar" aria-label={t('list.label')}>
      <header className="sidebar-head">
        <Mark size={26} />
        <Title className="sidebar-name">{name}</Title>
        {phone && (
          <button className="icon-button" aria-label={t('search.title')} onClick={() => useMarks.setState({ searching: true })}>
            <Search size={18} />
          </button>
        )}
        <ReportsButton />
        <CatchUpButton />
        <LaterButton />
        {member && (
          <Menu
            align="end"
            trigger={
              <button className="icon-button" aria-label={t('list.new')}>
                <Plus size={18} />
              </button>
            }
          >
            {create && (
              <MenuItem icon={<Plus size={16} />} onSelect={() => openDialog({ kind: 'create-room' })}>
                {t('list.create')}
              </MenuItem>
            )}
            <MenuItem icon={<Compass size={16} />} onSelect={() => openDialog({ kind: 'browse' })}>
              {t('list.browse')}
            </MenuItem>
            <MenuItem icon={<Users size={16} />} onSelect={() => openDialog({ kind: 'people' })}>
              {t('list.message')}
            </MenuItem>
            {invite && (
              <MenuItem icon={<UserPlus size={16} />} onSelect={() => openDialog({ kind: 'invite' })}>
                {t('account.invite')}
              </MenuItem>
            )}
          </Menu>
        )}
      </header>
      <button className="jump" onClick={() => openDialog({ kind: 'switcher' })} aria-keyshortcuts="Control+K Meta+K">
        <Search size={15} aria-hidden />
        <span>{t('list.jump')}</span>
        <kbd>{mac ? '⌘K' : `${t('keys.ctrl')} K`}</kbd>
      </button>
      <div ref={lists} className="sidebar-lists" onKeyDown={arrowKeys}>
        <Threads unread />
        <RoomList box={lists} />
        <Threads />
        {member && <People />}
      </div>
      {unsent > 0 && (
        <button className="unsent-note" onClick={() => openDialog({ kind: 'unsent' })}>
          <CircleAlert size={16} aria-hidden />
          {t('list.unsent', { count: unsent })}
        </button>
      )}
      <AccountMenu />
    </nav>
  )
}

/** Leads to what one has to catch up on, and says how much of it is new. */
function CatchUpButton() {
  const count = useCatchUpCount()
  return (
    <button className="icon-button later-button" aria-label={count > 0 ? t('catchUp.buttonNew', { count }) : t('catchUp.title')} onClick={() => openPage('catch-up')}>
      <Inbox size={17} />
      {count > 0 && <span className="badge">{formatNumber(Math.min(count, 99))}</span>}
    </button>
  )
}

/** Leads to what was reported, where there is something that one may look at. */
function ReportsButton() {
  const count = useReports((r) => r.reports?.open.length ?? 0)
  if (count === 0) return null
  return (
    <button className="icon-button later-button" aria-label={`${t('reports.title')}: ${formatNumber(count)}`} onClick={() => openPage('reports')}>
      <Flag size={17} />
      <span className="badge">{formatNumber(Math.min(count, 99))}</span>
    </button>
  )
}

/** Leads to what one keeps for later, and says how much of it wants to be looked at. */
function LaterButton() {
  const wants = useLater((l) => wanting(l.scheduled).length)
  const reminders = useLater((l) => wanting(l.scheduled)[0]?.no !== undefined)
  return (
    <button
      className="icon-button later-button"
      aria-label={wants > 0 ? t('later.buttonDue', { count: wants }) : t('later.title')}
      onClick={() => openDialog({ kind: 'later', tab: wants === 0 ? 'saved' : reminders ? 'reminders' : 'scheduled' })}
    >
      <Bookmark size={17} />
      {wants > 0 && <span className="badge">{formatNumber(wants)}</span>}
    </button>
  )
}

function People() {
  const known = useChat((s) => s.people)
  const online = useChat((s) => s.online)
  const pairs = useChat(inPairs)
  const chat = useApp.getState().chat!
  const people = useMemo(() => {
    const talkedTo = new Set(pairs.split(','))
    return sortedPeople(chat).filter((u) => !talkedTo.has(u.id))
  }, [known, online, pairs])
  const folded = useDocument<Layout>('sidebar').folded?.people ?? false
  if (people.length === 0) return null
  return (
    <section aria-labelledby="people-title">
      <Fold id="people" title={t('list.people')} folded={folded} unread={0} />
      {!folded && (
        <ul id="people-list">
          {people.slice(0, shownPeople).map((u, i) => (
            <li key={u.id}>
              <button className="person-item" data-nav tabIndex={i === 0 ? 0 : -1} onClick={() => openDirect([u.id]).catch((err: unknown) => toast(explain(err)))}>
                <Avatar id={u.id} name={u.name} size="small" online={presence(chat, u.id)} />
                <span className="person-name">
                  <bdi>{u.name}</bdi>
                  <StatusMark user={u.id} />
                </span>
                <span className="visually-hidden">{u.id in online && t(online[u.id] ? 'app.onlineInside' : 'app.offlineInside')}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {!folded && people.length > shownPeople && (
        <button className="link list-more" onClick={() => openPage('people')}>
          {chat.peopleNext === null ? t('list.allPeople', { count: people.length }) : t('people.all')}
        </button>
      )}
    </section>
  )
}

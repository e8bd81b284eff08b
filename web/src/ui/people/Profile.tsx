import { AtSign, MessageSquare, Moon, Pencil, Smile, UserCog } from 'lucide-react'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { User } from '../../protocol/types'
import { loadMembersOnce, openDirect } from '../../store/actions'
import { writeTo } from '../../store/marks'
import { loadPerson } from '../../store/people'
import { shutOut } from '../../store/person'
import { nameOf, personOf, presence, rolesToGive } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { InRoom, useModerates } from '../chat/InRoom'
import { openDialog } from '../dialogs/open'
import { Avatar } from '../kit/Avatar'
import { Dialog } from '../kit/Dialog'
import { Fault, useSubmit } from '../kit/Form'
import { Menu, MenuLine } from '../kit/Menu'
import { dateWithYear, momentName } from '../kit/time'
import { OnServer } from './OnServer'
import { useLastSeen } from './lastSeen'
import { useLocalTime } from './localTime'
import { StatusLine, useQuiet } from './Status'

/** Who somebody is, and what one can do with them. */
export function Profile({ user, onClose }: { user: string; onClose: () => void }) {
  const person = useChat((s) => personOf(s, user))
  const name = useChat((s) => nameOf(s, user))
  const online = useChat((s) => presence(s, user))
  const seen = useLastSeen(person)
  const quiet = useQuiet(user)
  const self = useChat((s) => s.me.id === user)
  const [fault, setFault] = useState('')
  const left = useRef(false)
  useEffect(() => {
    if (!person) loadPerson(user).catch((err: unknown) => setFault(explain(err)))
  }, [user])
  return (
    <Dialog title={t(self ? 'profile.yours' : 'profile.title')} onClose={onClose} left={left}>
      <div className="profile">
        <Avatar id={user} name={name} size="huge" online={person?.bot ? undefined : online} />
        <div className="profile-text">
          <p className="profile-name">
            <bdi>{name}</bdi>
          </p>
          {person?.title && <p dir="auto">{person.title}</p>}
          {person && <Tags person={person} />}
          {seen && <p className="muted">{seen}</p>}
        </div>
      </div>
      {quiet && (
        <p className="profile-quiet">
          <Moon size={15} aria-hidden />
          {t(self ? 'quiet.now' : 'quiet.other', { time: momentName(quiet, Date.now()) })}
        </p>
      )}
      <StatusLine user={user} until />
      {person?.about && (
        <p className="profile-about" dir="auto">
          {person.about}
        </p>
      )}
      {person && <Details person={person} />}
      {!person && !fault && <p className="list-empty">{t('app.loading')}</p>}
      <Fault text={fault} />
      {person && <p className="muted profile-since">{t('profile.since', { date: dateWithYear(person.created_at) })}</p>}
      {person && (self ? <Own /> : <Others person={person} left={left} onClose={onClose} />)}
    </Dialog>
  )
}

/** How to reach them, when it is day there, and what they were called. */
function Details({ person }: { person: User }) {
  const time = useLocalTime(person)
  const details: [string, ReactNode][] = []
  if (time) details.push([t('profile.localTime'), `${time} (${person.time_zone!.replaceAll('_', ' ')})`])
  if (person.phone) {
    details.push([
      t('profile.phone'),
      <a key="phone" href={`tel:${person.phone.replace(/[^\d+*#]/g, '')}`} dir="ltr">
        {person.phone}
      </a>,
    ])
  }
  if (person.former_name) details.push([t('profile.former'), <bdi key="former">{person.former_name}</bdi>])
  if (details.length === 0) return null
  return (
    <dl className="profile-details">
      {details.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Tags({ person }: { person: User }) {
  const tags = [
    person.bot ? t('people.bot') : t(`role.${person.role}`),
    ...(shutOut(person, Date.now()) ? [person.disabled_until ? t('people.disabledUntil', { time: momentName(person.disabled_until, Date.now()) }) : t('members.disabledTag')] : []),
  ]
  return (
    <p className="profile-tags">
      {tags.map((tag) => (
        <span key={tag} className="tag">
          {tag}
        </span>
      ))}
    </p>
  )
}

function Own() {
  return (
    <div className="dialog-actions wrap">
      <button className="button" onClick={() => openDialog({ kind: 'quiet' })}>
        <Moon size={16} aria-hidden /> {t('quiet.title')}
      </button>
      <button className="button" onClick={() => openDialog({ kind: 'status' })}>
        <Smile size={16} aria-hidden /> {t('status.title')}
      </button>
      <button className="button primary" onClick={() => openDialog({ kind: 'edit-profile' })}>
        <Pencil size={15} aria-hidden /> {t('profile.edit')}
      </button>
    </div>
  )
}

function Others({ person, left, onClose }: { person: User; left: { current: boolean }; onClose: () => void }) {
  const me = useChat((s) => s.me)
  const room = useApp((a) => (a.page === null && a.room !== null && a.chat?.rooms[a.room] ? a.room : null))
  const roles = rolesToGive(me, person)
  const out = shutOut(person, Date.now())
  const moderates = useModerates(room ?? '', person.id)
  const message = useSubmit(async () => {
    await openDirect([person.id])
    left.current = true
    onClose()
  })
  const mention = () => {
    writeTo(room!, `@${person.name} `)
    left.current = true
    onClose()
  }
  return (
    <>
      <Fault text={message.elsewhere()} />
      <div className="dialog-actions wrap">
        {(moderates || roles.length > 0) && (
          <Menu
            align="start"
            onOpen={() => moderates && loadMembersOnce(room!)}
            trigger={
              <button className="button apart">
                <UserCog size={16} aria-hidden /> {t('profile.manage')}
              </button>
            }
          >
            {moderates && <InRoom room={room!} user={person.id} />}
            {moderates && roles.length > 0 && <MenuLine />}
            {roles.length > 0 && <OnServer person={person} roles={roles} />}
          </Menu>
        )}
        {room && !out && (
          <button className="button" onClick={mention}>
            <AtSign size={16} aria-hidden /> {t('profile.mention')}
          </button>
        )}
        {me.role !== 'guest' && !out && (
          <button className="button primary" disabled={message.busy} onClick={() => void message.submit()}>
            <MessageSquare size={16} aria-hidden /> {t('profile.message')}
          </button>
        )}
      </div>
    </>
  )
}

import { Bot, MoreHorizontal, UserPlus, Users } from 'lucide-react'
import { useMemo, useState } from 'react'
import { type Key, t } from '../../i18n'
import type { User } from '../../protocol/types'
import { openPage } from '../../store/actions'
import { shutOut } from '../../store/person'
import { useLookUp } from '../../store/profiles'
import { presence, rolesToGive } from '../../store/select'
import { useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { Avatar } from '../kit/Avatar'
import { Menu } from '../kit/Menu'
import { dateWithYear, momentName } from '../kit/time'
import { OnServer } from '../people/OnServer'
import { peopleCount, PersonList } from '../people/PersonList'
import { StatusMark } from '../people/Status'
import { Nothing } from './Nothing'
import { found, type Order, type Which } from './people'

const whiches: { value: Which; label: Key }[] = [
  { value: 'all', label: 'people.all' },
  { value: 'admins', label: 'people.admins' },
  { value: 'members', label: 'people.members' },
  { value: 'guests', label: 'people.guests' },
  { value: 'bots', label: 'people.bots' },
  { value: 'disabled', label: 'people.disabled' },
]
const orders: { value: Order; label: Key }[] = [
  { value: 'name', label: 'people.byName' },
  { value: 'role', label: 'people.byRole' },
  { value: 'newest', label: 'people.byNewest' },
  { value: 'online', label: 'people.byOnline' },
]

/** Everybody on the server. There may be thousands: only those in view are in the page. */
export function People() {
  const people = useChat((s) => s.people)
  const online = useChat((s) => s.online)
  const known = useChat((s) => s.serverPosition !== null)
  const more = useChat((s) => s.peopleNext !== null)
  const [typed, setTyped] = useState('')
  useLookUp(typed)
  const [which, setWhich] = useState<Which>('all')
  const [order, setOrder] = useState<Order>('name')
  const list = useMemo(() => found(Object.values(people), online, { typed, which, order }), [people, online, typed, which, order])
  return (
    <>
      <div className="admin-tools">
        <input className="search" type="search" placeholder={t('people.search')} aria-label={t('people.search')} value={typed} onChange={(e) => setTyped(e.target.value)} />
        <select aria-label={t('people.show')} value={which} onChange={(e) => setWhich(e.target.value as Which)}>
          {whiches.map((w) => (
            <option key={w.value} value={w.value}>
              {t(w.label)}
            </option>
          ))}
        </select>
        <select aria-label={t('people.sort')} value={order} onChange={(e) => setOrder(e.target.value as Order)}>
          {orders.map((o) => (
            <option key={o.value} value={o.value}>
              {t(o.label)}
            </option>
          ))}
        </select>
      </div>
      <div className="admin-line">
        <p className="admin-count" role="status">
          {known ? peopleCount(list.length, more) : t('app.loading')}
        </p>
        <button className="button" onClick={() => openDialog({ kind: 'create-bot' })}>
          <Bot size={16} aria-hidden /> {t('bots.create')}
        </button>
        <button className="button" onClick={() => openPage('admin/invites')}>
          <UserPlus size={16} aria-hidden /> {t('account.invite')}
        </button>
      </div>
      {known && list.length === 0 && <Nothing icon={<Users size={28} />} text={t('people.none')} />}
      <PersonList key={`${which} ${order}`} people={list} item={(p, place, of) => <Item key={p.id} person={p} place={place} of={of} />} />
    </>
  )
}

function Item({ person, place, of }: { person: User; place: number; of: number }) {
  const me = useChat((s) => s.me)
  const online = useChat((s) => presence(s, person.id))
  const roles = rolesToGive(me, person)
  const out = shutOut(person, Date.now())
  return (
    <li aria-posinset={place} aria-setsize={of} className={out ? 'person off' : 'person'}>
      <button className="person-item" onClick={() => openDialog({ kind: 'profile', user: person.id })}>
        <Avatar id={person.id} name={person.name} online={person.bot ? undefined : online} />
        <span className="person-lines">
          <span className="person-name">
            <bdi>{person.name}</bdi>
            {person.id === me.id && <span className="muted">{t('members.you')}</span>}
            <StatusMark user={person.id} />
          </span>
          <small>{out ? disabledText(person) : t('profile.since', { date: dateWithYear(person.created_at) })}</small>
        </span>
      </button>
      {person.bot && <span className="tag">{t('people.bot')}</span>}
      {!(person.bot && person.role === 'guest') && <span className={`tag role-${person.role}`}>{t(`role.${person.role}`)}</span>}
      {roles.length > 0 ? (
        <Menu
          trigger={
            <button className="icon-button" aria-label={t('members.change', { name: person.name })}>
              <MoreHorizontal size={17} />
            </button>
          }
        >
          <OnServer person={person} roles={roles} />
        </Menu>
      ) : (
        <span className="no-menu" />
      )}
    </li>
  )
}

const disabledText = (p: User): string => (p.disabled_until ? t('people.disabledUntil', { time: momentName(p.disabled_until, Date.now()) }) : t('members.disabledTag'))

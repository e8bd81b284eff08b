import { Contact, Users } from 'lucide-react'
import { useMemo, useState } from 'react'
import { t } from '../../i18n'
import type { User } from '../../protocol/types'
import { useLookUp } from '../../store/profiles'
import { presence } from '../../store/select'
import { type Page, useChat } from '../../store/store'
import { Nothing } from '../admin/Nothing'
import { openDialog } from '../dialogs/open'
import { Avatar } from '../kit/Avatar'
import { Frame } from '../pages/Frame'
import { directory } from './directory'
import { useLastSeen } from './lastSeen'
import { useLocalTime } from './localTime'
import { peopleCount, PersonList } from './PersonList'
import { StatusMark } from './Status'

const pages = () => [{ page: 'people' as const, label: t('people.directory'), icon: Contact }]

/** Who is here, what they do and what time it is there. In a file of its own, loaded when it is first opened. */
export function Directory({ page }: { page: Page }) {
  const people = useChat((s) => s.people)
  const known = useChat((s) => s.serverPosition !== null)
  const more = useChat((s) => s.peopleNext !== null)
  const [typed, setTyped] = useState('')
  useLookUp(typed)
  const list = useMemo(() => directory(Object.values(people), typed), [people, typed])
  return (
    <Frame name="" pages={pages()} page={page}>
      <div className="admin-tools">
        <input className="search" type="search" placeholder={t('people.find')} aria-label={t('people.find')} value={typed} onChange={(e) => setTyped(e.target.value)} />
      </div>
      <p className="admin-count" role="status">
        {known ? peopleCount(list.length, more) : t('app.loading')}
      </p>
      {known && list.length === 0 && <Nothing icon={<Users size={28} />} text={t('people.none')} />}
      <PersonList people={list} item={(p, place, of) => <Item key={p.id} person={p} place={place} of={of} />} />
    </Frame>
  )
}

/** Somebody, with the way to their card. */
function Item({ person, place, of }: { person: User; place: number; of: number }) {
  const self = useChat((s) => s.me.id === person.id)
  const online = useChat((s) => presence(s, person.id))
  const seen = useLastSeen(person)
  const time = useLocalTime(person)
  return (
    <li aria-posinset={place} aria-setsize={of} className="person">
      <button className="person-item" onClick={() => openDialog({ kind: 'profile', user: person.id })}>
        <Avatar id={person.id} name={person.name} online={online} />
        <span className="person-lines">
          <span className="person-name">
            <bdi>{person.name}</bdi>
            {self && <span className="muted">{t('members.you')}</span>}
            <StatusMark user={person.id} />
          </span>
          <small dir="auto">{person.title || person.about}</small>
        </span>
        <span className="person-time">
          {seen && <span>{seen}</span>}
          {time && <span>{time}</span>}
        </span>
      </button>
    </li>
  )
}

import { Hash, Lock, Settings2 } from 'lucide-react'
import { useEffect, useMemo, useState } from 'react'
import { formatNumber, t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Room, RoomView } from '../../protocol/types'
import { directory, joinRoom, openRoom } from '../../store/actions'
import { fit, listed, mayModerate } from '../../store/select'
import { toast, useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { dateWithYear } from '../kit/time'
import { Nothing } from './Nothing'
import { keeping } from './say'

/** So many are shown at once; the others are found by name. */
const shown = 200

/** The rooms that an admin sees: public ones, and those that they are in. */
export function Rooms() {
  const mine = useChat((s) => s.rooms)
  const [open, setOpen] = useState<Room[] | null>(null)
  const [fault, setFault] = useState('')
  const [typed, setTyped] = useState('')
  const load = () => {
    setFault('')
    directory().then(setOpen, (err: unknown) => setFault(explain(err)))
  }
  useEffect(load, [])
  const found = useMemo(() => {
    const own = listed({ rooms: mine }).filter((r) => r.kind !== 'direct')
    const others = (open ?? []).filter((r) => !mine[r.id])
    return [...own, ...others]
      .filter((r) => typed.trim() === '' || fit(`${r.name} ${r.topic ?? ''}`, typed) > 1)
      .sort((a, b) => (a.name ?? '').localeCompare(b.name ?? ''))
  }, [mine, open, typed])
  return (
    <>
      <p className="dialog-text">{t('rooms.text')}</p>
      <div className="admin-tools">
        <input className="search" type="search" placeholder={t('browse.filter')} aria-label={t('browse.filterLabel')} value={typed} onChange={(e) => setTyped(e.target.value)} />
      </div>
      {fault && (
        <p className="fault" role="alert">
          {fault}{' '}
          <button className="link" onClick={load}>
            {t('app.tryAgain')}
          </button>
        </p>
      )}
      <p className="admin-count" role="status">
        {open || fault ? t('rooms.count', { count: found.length, number: formatNumber(found.length) }) : t('app.loading')}
      </p>
      {(open || fault) && found.length === 0 && <Nothing icon={<Hash size={28} />} text={t('browse.nothing')} />}
      <ul className="lines">
        {found.slice(0, shown).map((r) => (
          <Item key={r.id} room={r} view={mine[r.id]} />
        ))}
      </ul>
      {found.length > shown && <p className="list-empty">{t('browse.more', { count: found.length - shown })}</p>}
    </>
  )
}

function Item({ room, view }: { room: Room; view?: RoomView }) {
  const moderate = useChat((s) => (view ? mayModerate(s, view) : false))
  const go = async () => {
    try {
      if (!view) await joinRoom(room.id)
      openRoom(room.id)
    } catch (err) {
      toast(explain(err))
    }
  }
  const facts = [
    view ? t('rooms.members', { count: view.members, number: formatNumber(view.members) }) : t('rooms.notIn'),
    keeping(room.retain),
    t('rooms.since', { date: dateWithYear(room.created_at) }),
  ]
  return (
    <li>
      <span className="room-sign" aria-hidden="true">
        {room.kind === 'private' ? <Lock size={16} /> : <Hash size={17} />}
      </span>
      <span className="lines-text">
        <b>
          <bdi>{room.name}</bdi>
        </b>
        {room.topic && <small dir="auto">{room.topic}</small>}
        <small>{facts.join(' · ')}</small>
      </span>
      {room.archived && <span className="tag">{t('rooms.archived')}</span>}
      <span className="tag">{t(room.kind === 'private' ? 'create.private' : 'create.public')}</span>
      {moderate && (
        <button className="icon-button" aria-label={t('rooms.settings', { room: room.name ?? '' })} title={t('room.settings')} onClick={() => openDialog({ kind: 'settings', room: room.id })}>
          <Settings2 size={17} />
        </button>
      )}
      <button className="button" onClick={() => void go()} aria-label={t(view ? 'browse.openRoom' : 'browse.joinRoom', { room: room.name ?? '' })}>
        {t(view ? 'browse.open' : 'browse.join')}
      </button>
    </li>
  )
}

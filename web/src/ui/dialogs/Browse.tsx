import { useEffect, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Room } from '../../protocol/types'
import { directory, joinRoom, openRoom } from '../../store/actions'
import { fit, useRight } from '../../store/select'
import { useChat } from '../../store/store'
import { RoomFace } from '../chat/RoomFace'
import { Dialog } from '../kit/Dialog'
import { arrowKeys } from '../kit/hooks'
import { openDialog } from './open'

/** So many are shown at once; the others are found by name. */
const shown = 100

/** The public rooms of the server. */
export function Browse({ onClose }: { onClose: () => void }) {
  const mine = useChat((s) => s.rooms)
  const create = useRight('create_rooms')
  const [rooms, setRooms] = useState<Room[] | null>(null)
  const [fault, setFault] = useState<string | null>(null)
  const [typed, setTyped] = useState('')
  useEffect(() => {
    directory().then(setRooms, (err: unknown) => setFault(explain(err)))
  }, [])
  const go = async (room: Room) => {
    setFault(null)
    try {
      if (!mine[room.id]) await joinRoom(room.id)
      onClose()
      openRoom(room.id)
    } catch (err) {
      setFault(explain(err))
    }
  }
  const found = (rooms ?? [])
    .filter((r) => fit(`${r.name} ${r.topic ?? ''}`, typed) > (typed ? 1 : 0))
    .sort((a, b) => Number(!!a.archived) - Number(!!b.archived) || Number(!!mine[a.id]) - Number(!!mine[b.id]) || (a.name ?? '').localeCompare(b.name ?? ''))
  return (
    <Dialog title={t('browse.title')} onClose={onClose} wide>
      <input className="search" type="search" placeholder={t('browse.filter')} aria-label={t('browse.filterLabel')} autoFocus value={typed} onChange={(e) => setTyped(e.target.value)} />
      <div role="alert">{fault && <p className="fault">{fault}</p>}</div>
      <ul className="browse" onKeyDown={arrowKeys}>
        {found.slice(0, shown).map((r) => (
          <li key={r.id}>
            <RoomFace room={r} />
            <span className="browse-text">
              <b dir="auto">{r.name}</b>
              <small dir="auto">{r.topic}</small>
            </span>
            {r.archived && <span className="tag">{t('archive.tag')}</span>}
            {(mine[r.id] || !r.archived) && (
            <button className={mine[r.id] ? 'button' : 'button primary'} data-nav onClick={() => void go(r)} aria-label={t(mine[r.id] ? 'browse.openRoom' : 'browse.joinRoom', { room: r.name ?? '' })}>
              {mine[r.id] ? t('browse.open') : t('browse.join')}
            </button>
            )}
          </li>
        ))}
      </ul>
      {found.length > shown && <p className="list-empty">{t('browse.more', { count: found.length - shown })}</p>}
      {rooms === null && !fault && <p className="list-empty">{t('app.loading')}</p>}
      {rooms !== null && found.length === 0 && (
        <p className="list-empty">
          {typed ? t('browse.nothing') : t('browse.none')}{' '}
          {create && (
            <button className="link" onClick={() => openDialog({ kind: 'create-room' })}>
              {t('browse.create')}
            </button>
          )}
        </p>
      )}
    </Dialog>
  )
}

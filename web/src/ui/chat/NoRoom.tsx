import { useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Room } from '../../protocol/types'
import { directory, joinRoom } from '../../store/actions'
import { atLeast, listed } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { Fault } from '../kit/Form'

/** In the place of a room: none is chosen, it is gone, or it is a public one that one is not in. */
export function NoRoom({ id }: { id: string | null }) {
  const title = useRef<HTMLHeadingElement>(null)
  const gone = id !== null
  useEffect(() => {
    // What had the focus may have gone with the room.
    if (gone && document.activeElement === document.body) title.current?.focus()
  }, [gone])
  const member = useChat((s) => atLeast(s.me, 'member'))
  const none = useChat((s) => listed(s).length === 0)
  const parted = useApp((a) => (a.parted && a.parted.room === a.room ? a.parted.text : null))
  const [open, setOpen] = useState<Room | null>(null)
  const [fault, setFault] = useState('')
  useEffect(() => {
    setOpen(null)
    setFault('')
    if (!member || id === null) return
    let left = false
    directory().then((rooms) => !left && setOpen(rooms.find((r) => r.id === id) ?? null), () => {})
    return () => {
      left = true
    }
  }, [id, member])
  const joins = open !== null && !open.archived
  return (
    <div className="empty">
      <h1 ref={title} tabIndex={-1}>
        {open ? <bdi>{open.name}</bdi> : gone ? t('room.gone') : t(none ? 'room.none' : 'room.choose')}
      </h1>
      <p>
        {parted ??
          (open ? open.topic || t('room.public') : gone ? t('room.goneText') : none ? t(member ? 'room.noneText' : 'room.noneGuest') : t('room.chooseText', { keys: `${t('keys.ctrl')} K` }))}
      </p>
      <Fault text={fault} />
      {joins && (
        <button className="button primary" onClick={() => void joinRoom(open.id).catch((err: unknown) => setFault(explain(err)))}>
          {t('browse.joinRoom', { room: open.name ?? '' })}
        </button>
      )}
      {member && (
        <button className="button" onClick={() => openDialog({ kind: 'browse' })}>
          {t('list.browse')}
        </button>
      )}
    </div>
  )
}

import { Archive, Megaphone, MicOff } from 'lucide-react'
import { useEffect, useRef } from 'react'
import { t } from '../../i18n'
import type { Mute, RoomView } from '../../protocol/types'
import { updateRoom } from '../../store/actions'
import { homeOf } from '../../store/gate'
import { mayModerate, nameOf } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { Fault, useSubmit } from '../kit/Form'
import { useNow } from '../kit/hooks'
import { momentName } from '../kit/time'
import { Composer } from './Composer'
import { useGate } from './useGate'

/** Where one writes, or why one cannot. It is said to readers when it changes. */
export function Writing({ room }: { room: RoomView }) {
  const gate = useGate(room)
  const home = useChat((s) => homeOf(s, room))
  const barred = gate.kind === 'archived' || gate.kind === 'muted' || gate.kind === 'announce'
  const box = useRef<HTMLDivElement>(null)
  const was = useRef(barred)
  useEffect(() => {
    // The field went with the focus in it.
    if (barred && !was.current && document.activeElement === document.body) box.current?.focus()
    was.current = barred
  }, [barred])
  return (
    <div className="writing">
      <div ref={box} role="status" tabIndex={-1} className="barred-slot">
        {gate.kind === 'archived' && <Archived />}
        {gate.kind === 'announce' && <Announcements />}
        {gate.kind === 'muted' && <Muted mute={gate.mute} />}
        {barred && <Kept room={room.id} />}
      </div>
      {gate.kind === 'archived' && <Unarchive room={home} />}
      {!barred && <Composer room={room} />}
    </div>
  )
}

function Archived() {
  return (
    <p className="barred">
      <Archive size={16} aria-hidden />
      <span>{t('barred.archived')}</span>
    </p>
  )
}

function Announcements() {
  return (
    <p className="barred">
      <Megaphone size={16} aria-hidden />
      <span>{t('hindered.announce')}</span>
    </p>
  )
}

function Unarchive({ room }: { room: RoomView }) {
  const moderate = useChat((s) => mayModerate(s, room))
  const { busy, submit, elsewhere } = useSubmit(async () => void (await updateRoom(room.id, { archived: false })))
  if (!moderate) return null
  return (
    <form className="barred-act" onSubmit={submit}>
      <button className="button" disabled={busy}>
        {t('archive.unarchive')}
      </button>
      <Fault text={elsewhere()} />
    </form>
  )
}

function Muted({ mute }: { mute: Mute }) {
  const by = useChat((s) => (mute.by && s.people[mute.by] ? nameOf(s, mute.by) : ''))
  const now = useNow(60_000)
  const time = momentName(mute.until, now)
  return (
    <p className="barred">
      <MicOff size={16} aria-hidden />
      <span>
        {by ? t('barred.muted', { name: by, time }) : t('barred.mutedNobody', { time })}
        {mute.reason && (
          <>
            {' '}
            <span dir="auto">{t('barred.reason', { reason: mute.reason })}</span>
          </>
        )}
      </span>
    </p>
  )
}

function Kept({ room }: { room: string }) {
  const kept = useApp((a) => a.drafts[room] !== undefined)
  return kept ? <p className="barred-kept">{t('barred.draft')}</p> : null
}

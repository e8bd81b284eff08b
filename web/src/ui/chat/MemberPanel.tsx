import { UserPlus, X } from 'lucide-react'
import { formatNumber, t } from '../../i18n'
import { mayModerate } from '../../store/select'
import { useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { MemberList } from './MemberList'

/** Who is in the open room. */
export function MemberPanel({ room, onClose }: { room: string; onClose: () => void }) {
  const view = useChat((s) => s.rooms[room])
  const moderate = useChat((s) => (s.rooms[room] ? mayModerate(s, s.rooms[room]) : false))
  if (!view) return null
  return (
    <aside className="members" aria-label={t('members.label')}>
      <header className="members-head">
        <h2>{t('members.title')}</h2>
        <span className="members-count">{formatNumber(view.members)}</span>
        {moderate && !view.archived && (
          <button className="icon-button" aria-label={t('room.addPeople')} onClick={() => openDialog({ kind: 'settings', room, tab: 'people' })}>
            <UserPlus size={17} />
          </button>
        )}
        <button className="icon-button" aria-label={t('members.close')} onClick={onClose}>
          <X size={18} />
        </button>
      </header>
      <MemberList room={room} />
    </aside>
  )
}

import { Ban, MicOff, MessageCircle, ShieldCheck, ShieldOff, UserMinus } from 'lucide-react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import { unmute, updateMember } from '../../store/actions'
import { atLeast, mayModerate } from '../../store/select'
import { toast, useChat } from '../../store/store'
import { openOver } from '../dialogs/open'
import { MenuItem } from '../kit/Menu'

const run = (p: Promise<unknown>) => p.catch((err: unknown) => toast(explain(err)))

/** Whether there is something that InRoom offers. */
export const useModerates = (room: string, user: string): boolean => useChat((s) => user !== s.me.id && s.rooms[room] !== undefined && mayModerate(s, s.rooms[room]))

/**
 * What a room's moderator may do with somebody there, as items of a menu. Where it is not known who is in the room,
 * all is offered that may be possible.
 */
export function InRoom({ room, user }: { room: string; user: string }) {
  const view = useChat((s) => s.rooms[room])
  const person = useChat((s) => s.people[user])
  const members = useChat((s) => s.members[room])
  if (!view) return null
  const member = members?.[user]
  const here = members === undefined || member !== undefined
  const moderator = member?.role === 'moderator'
  const above = moderator || (view.kind === 'public' && person !== undefined && atLeast(person, 'admin')) // who moderates is not muted or banned
  const muted = member?.mute !== undefined && Date.parse(member.mute.until) > Date.now()
  const stays = room === 'general' && person?.role !== 'guest'
  const ask = (act: 'mute' | 'remove' | 'ban') => openOver({ kind: 'moderate', act, room, user })
  return (
    <>
      {member && (
        <MenuItem icon={moderator ? <ShieldOff size={16} /> : <ShieldCheck size={16} />} onSelect={() => run(updateMember(room, user, moderator ? 'member' : 'moderator'))}>
          {moderator ? t('members.demote') : t('members.promote')}
        </MenuItem>
      )}
      {muted ? (
        <MenuItem icon={<MessageCircle size={16} />} onSelect={() => run(unmute(room, user))}>
          {t('moderate.unmute')}
        </MenuItem>
      ) : (
        here &&
        !above && (
          <MenuItem icon={<MicOff size={16} />} onSelect={() => ask('mute')}>
            {t('moderate.muteItem')}
          </MenuItem>
        )
      )}
      {here && !stays && (
        <MenuItem icon={<UserMinus size={16} />} danger onSelect={() => ask('remove')}>
          {t('moderate.removeItem')}
        </MenuItem>
      )}
      {!stays && !above && (
        <MenuItem icon={<Ban size={16} />} danger onSelect={() => ask('ban')}>
          {t('moderate.banItem')}
        </MenuItem>
      )}
    </>
  )
}

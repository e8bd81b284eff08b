import { atLeast } from '../../store/select'
import { useApp } from '../../store/store'

/**
 * Whether this person adds emoji to the server: admins, and members where the
 * owners let them.
 */
export const useMayAddEmoji = (): boolean =>
  useApp((a) => a.chat !== null && (atLeast(a.chat.me, 'admin') || (a.info?.member_emoji === true && atLeast(a.chat.me, 'member'))))

import { useEffect, useRef } from 'react'
import { t } from '../../i18n'
import type { User } from '../../protocol/types'
import { sawLeave, useSeen, wantSeen } from '../../store/seen'
import { presence } from '../../store/select'
import { useChat } from '../../store/store'
import { useNow } from '../kit/hooks'
import { seenText } from '../kit/time'

/**
 * Whether somebody is online, or when they were last, in words; '' where that
 * is not known or not told.
 */
export function useLastSeen(person: User | undefined): string {
  const id = person?.id ?? ''
  const online = useChat((s) => presence(s, id))
  const self = useChat((s) => s.me.id === id)
  const ask = useChat((s) => s.me.role !== 'guest') && person !== undefined && !self && !person.bot && !person.hides_presence && !person.disabled
  const seen = useSeen((all) => all[id])
  const now = useNow(30_000)
  const was = useRef(online)
  useEffect(() => {
    if (ask && was.current && online === false) sawLeave(id)
    else if (ask && !online) wantSeen(id)
    was.current = online
  }, [ask, online, id])
  if (!person || person.bot) return ''
  if (online || (ask && online === undefined && seen?.online)) return t('app.online')
  if (ask && seen?.at) return seenText(seen.at, now)
  return online === undefined ? '' : t('app.offline')
}

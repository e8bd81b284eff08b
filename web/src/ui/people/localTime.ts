import type { User } from '../../protocol/types'
import { useNow } from '../kit/hooks'
import { timeIn } from '../kit/time'

/** What time it is where somebody is, if they say where that is. */
export function useLocalTime(person: Pick<User, 'time_zone'>): string | null {
  const now = useNow(20_000)
  return person.time_zone ? timeIn(person.time_zone, now) : null
}

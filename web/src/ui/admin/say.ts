// An entry of the audit log as a sentence.

import { isKey, type Key, t } from '../../i18n'
import type { AuditEntry } from '../../protocol/types'
import { personOf, titleOf } from '../../store/select'
import type { State } from '../../store/state'

/** How people and rooms are called. */
export interface Names {
  person: (id: string | undefined) => string
  room: (id: string | undefined) => string
}

export const namesFrom = (s: State, rooms: ReadonlyMap<string, string>): Names => ({
  person: (id) => (id ? (personOf(s, id)?.name ?? t('app.somebody')) : ''),
  room: (id) => (id ? ((s.rooms[id] ? titleOf(s, s.rooms[id]) : rooms.get(id)) ?? t('audit.someRoom')) : ''),
})

/** Who did what to whom, where. What a later version of the server does is said by its name. */
export function say(e: AuditEntry, names: Names): string {
  const key = `audit.do.${e.action}`
  const values = {
    by: e.by ? names.person(e.by) : t('audit.operator'), user: names.person(e.user), room: names.room(e.room), detail: e.detail ?? '', action: e.action,
  }
  return t(isKey(key) ? key : ('audit.other' satisfies Key), values)
}

// An entry of the audit log as a sentence. What a later version of the server
// writes is shown as it is.

import { isKey, t } from '../../i18n'
import type { AuditEntry } from '../../protocol/types'
import { personOf, titleOf } from '../../store/select'
import type { State } from '../../store/state'
import { momentName, span } from '../kit/time'

/** How people and rooms are called. */
export interface Names {
  person: (id: string) => string
  room: (id: string) => string
}

export const namesFrom = (s: State, rooms: ReadonlyMap<string, string>): Names => ({
  person: (id) => personOf(s, id)?.name ?? t('app.somebody'),
  room: (id) => (s.rooms[id] ? titleOf(s, s.rooms[id]) : rooms.get(id)) ?? t('audit.someRoom'),
})

/** Who did what to whom, where. */
export function say(e: AuditEntry, names: Names): string {
  const values = {
    by: e.by ? names.person(e.by) : t('audit.operator'),
    user: e.user ? names.person(e.user) : '',
    room: e.room ? names.room(e.room) : '',
    detail: details(e),
    action: e.action,
  }
  if (e.action === 'user.update') return account(e.detail ?? '', values)
  const key = `audit.do.${e.action.replace('.', '_')}`
  if (isKey(key)) return t(key, values)
  return t('audit.other', { ...values, detail: [e.action, values.user, values.room, values.detail].filter(Boolean).join(', ') })
}

const parts = (detail: string) => detail.split('; ').filter(Boolean)

/** The name of a role, or what is none as it is. */
function roleName(role: string): string {
  const key = `role.${role}`
  return isKey(key) ? t(key) : role
}

/** What became of somebody's account: one sentence for each change of it. */
function account(detail: string, values: Record<string, string>): string {
  const sentences = parts(detail).map((part) => {
    const role = /^(\w+), was (\w+)$/.exec(part)
    if (role) return t('audit.role', { ...values, to: roleName(role[1]!), from: roleName(role[2]!) })
    const until = /^disabled until (.+)$/.exec(part)
    if (until) return t('audit.disabledUntil', { ...values, time: momentName(until[1]!, Date.now()) })
    if (part === 'disabled') return t('audit.disabled', values)
    return part === 'enabled' ? t('audit.enabled', values) : t('audit.other', { ...values, detail: `${values.user}: ${part}` })
  })
  return sentences.join(' ') || t('audit.other', { ...values, detail: values.user ?? '' })
}

/** The detail of an entry in the words of the page. */
function details(e: AuditEntry): string {
  const detail = e.detail ?? ''
  switch (e.action) {
    case 'account.create':
    case 'bot.create':
    case 'member.update':
      return roleName(detail)
    case 'report.close':
      return detail === 'acted' || detail === 'dismissed' ? t(`reports.${detail}`) : detail
    case 'invite.create':
    case 'invite.delete':
      return roleName(/, for an? (\w+)/.exec(detail)?.[1] ?? detail)
    case 'room.update':
      return parts(detail).map(setting).join(', ')
    case 'outgoing.create':
      return /, to (.+)$/.exec(detail)?.[1] ?? detail
    case 'message.delete':
      return /^message (\d+)$/.exec(detail)?.[1] ?? detail
    case 'member.mute':
    case 'member.ban': {
      const time = /^for (?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(detail)
      if (!time) return t('audit.forGood')
      const [hours, minutes, seconds] = time.slice(1).map((n) => Number(n ?? 0)) as [number, number, number]
      return t('audit.for', { span: span(hours * 3_600 + minutes * 60 + seconds) })
    }
  }
  return detail
}

/** What was changed of a room. */
function setting(part: string): string {
  if (part === 'name') return t('create.name')
  if (part === 'topic') return t('create.topic')
  const retain = /^retain (-?\d+)/.exec(part)
  if (retain) return keeping(Number(retain[1]))
  const slow = /^slow (\d+)/.exec(part)
  if (slow) return slow[1] === '0' ? t('audit.notSlow') : t('audit.slow', { time: span(Number(slow[1])) })
  if (part === 'announce true') return t('audit.announce')
  if (part === 'announce false') return t('audit.notAnnounce')
  if (part === 'archived true') return t('audit.archived')
  return part === 'archived false' ? t('audit.unarchived') : part
}

/** For how long a room keeps its messages. */
export function keeping(days: number | undefined): string {
  if (days === undefined || days === 0) return t('rooms.keepsAsServer')
  return days < 0 ? t('rooms.keepsForGood') : t('rooms.keepsDays', { count: days })
}

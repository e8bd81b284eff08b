import { Ban, KeyRound, Link, PenLine, ShieldOff, UserCheck, UserCog } from 'lucide-react'
import { t } from '../../i18n'
import { ApiError, explain } from '../../protocol/error'
import type { User } from '../../protocol/types'
import { call } from '../../store/actions'
import { updateUser } from '../../store/people'
import { shutOut } from '../../store/person'
import { toast, useApp } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { MenuItem, MenuText } from '../kit/Menu'

const run = (p: Promise<unknown>) => p.catch((err: unknown) => toast(explain(err)))
const make = { owner: 'members.makeOwner', admin: 'members.makeAdmin', member: 'members.makeMember', guest: 'members.makeGuest' } as const

/** Asks before a role is given: an owner can undo everything but another owner. */
function ask(person: User, role: User['role']): void {
  openDialog({
    kind: 'confirm', title: t(`members.roleTitle.${role}`, { name: person.name }), text: t(`members.roleText.${role}`), action: t('members.roleAction'),
    run: async () => void (await updateUser(person.id, { role })),
  })
}

/** Asks before the second factor of somebody who has lost it is removed. */
function removeFactor(person: User): void {
  openDialog({
    kind: 'confirm', title: t('factor.resetTitle', { name: person.name }), text: t('factor.resetText'), action: t('factor.resetAction'), danger: true,
    run: async () => {
      await call('factor.reset', { user: person.id }).catch((err: unknown) => {
        throw err instanceof ApiError && err.code === 'conflict' ? new ApiError(err.code, '', { text: 'factor.resetNone' }) : err
      })
      toast(t('factor.removed'))
    },
  })
}

/** What an admin may do with somebody's account, as items of a menu. */
export function OnServer({ person, roles }: { person: User; roles: User['role'][] }) {
  const external = useApp((a) => a.info?.external === true)
  const passwords = useApp((a) => !external && !a.info?.no_passwords) && !person.bot
  return (
    <>
      <MenuText>{t('members.onServer')}</MenuText>
      {roles
        .filter((r) => r !== person.role)
        .map((r) => (
          <MenuItem key={r} icon={<UserCog size={16} />} onSelect={() => ask(person, r)}>
            {t(make[r])}
          </MenuItem>
        ))}
      {person.bot && (
        <MenuItem icon={<KeyRound size={16} />} onSelect={() => openDialog({ kind: 'tokens', bot: person })}>
          {t('account.tokens')}
        </MenuItem>
      )}
      {!external && (
        <MenuItem icon={<PenLine size={16} />} onSelect={() => openDialog({ kind: 'rename', user: person })}>
          {t('rename.menu')}
        </MenuItem>
      )}
      {passwords && (
        <>
          <MenuItem icon={<Link size={16} />} onSelect={() => openDialog({ kind: 'reset-link', user: person })}>
            {t('reset.menu')}
          </MenuItem>
          <MenuItem icon={<ShieldOff size={16} />} onSelect={() => removeFactor(person)}>
            {t('factor.reset')}
          </MenuItem>
        </>
      )}
      {shutOut(person, Date.now()) ? (
        <MenuItem icon={<UserCheck size={16} />} onSelect={() => void run(updateUser(person.id, { disabled: false }))}>
          {t('members.enable')}
        </MenuItem>
      ) : (
        <MenuItem icon={<Ban size={16} />} danger onSelect={() => openDialog({ kind: 'disable', user: person })}>
          {t('members.disable')}
        </MenuItem>
      )}
    </>
  )
}

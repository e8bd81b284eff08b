import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Right, RightRule, User } from '../../protocol/types'
import { call } from '../../store/actions'
import { toast, useApp, useChat } from '../../store/store'

/** What each role may do. Owners change what can be changed. */
export function Roles() {
  const rights = useApp((a) => a.info?.rights)
  const owner = useChat((s) => s.me.role === 'owner')
  return (
    <>
      <p className="field-hint">{t('roles.text')}</p>
      <dl className="roles">
        {rights?.map((r) => <Row key={r.right} rule={r} owner={owner} />)}
      </dl>
    </>
  )
}

const labels: Record<Right, `roles.${Right}`> = {
  tokens: 'roles.tokens', browse: 'roles.browse', join: 'roles.join', pin: 'roles.pin', direct: 'roles.direct', create_rooms: 'roles.create_rooms', mention_room: 'roles.mention_room',
  invite: 'roles.invite', emoji: 'roles.emoji', moderate: 'roles.moderate', retain: 'roles.retain', people: 'roles.people', bots: 'roles.bots', audit: 'roles.audit', server: 'roles.server',
}

function Row({ rule, owner }: { rule: RightRule; owner: boolean }) {
  const label = t(labels[rule.right])
  const set = (least: User['role']) =>
    call('server.update', { rights: { [rule.right]: least } }).then((info) => useApp.setState({ info }), (err: unknown) => toast(explain(err)))
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        {owner && rule.choices ? (
          <select aria-label={label} value={rule.least} onChange={(e) => void set(e.target.value as User['role'])}>
            {rule.choices.map((role) => (
              <option key={role} value={role}>
                {t(`roles.from.${role}`)}
              </option>
            ))}
          </select>
        ) : (
          t(`roles.from.${rule.least}`)
        )}
      </dd>
    </div>
  )
}

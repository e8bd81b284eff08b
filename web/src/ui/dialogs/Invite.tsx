import { t } from '../../i18n'
import { InviteForm } from '../admin/InviteForm'
import { Dialog } from '../kit/Dialog'

/** Invites people, from wherever one looks for them. */
export function Invite({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={t('account.invite')} onClose={onClose}>
      <InviteForm />
    </Dialog>
  )
}

import { useState } from 'react'
import { t } from '../../i18n'
import type { User } from '../../protocol/types'
import { updateUser } from '../../store/people'
import { toast, useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'

interface Props {
  name: string
  hint: string
  save: (name: string) => Promise<void>
  autoFocus?: boolean
}

/** Gives somebody another name. */
export function RenameForm({ name: now, hint, save, autoFocus }: Props) {
  const longest = useChat((s) => s.limits.name)
  const [name, setName] = useState(now)
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    await save(name.trim())
    toast(t('rename.done'))
  })
  return (
    <form onSubmit={submit}>
      <Field label={t('gate.name')} hint={hint} value={name} maxLength={longest} required autoFocus={autoFocus} autoComplete="off" dir="auto" onChange={(e) => setName(e.target.value)} error={at('name')} />
      <Fault text={elsewhere('name')} />
      <div className="form-actions">
        <button className="button primary" disabled={busy || !name.trim() || name.trim() === now}>
          {t('rename.action')}
        </button>
      </div>
    </form>
  )
}

/** For admins: another person’s name. */
export function Rename({ user, onClose }: { user: User; onClose: () => void }) {
  return (
    <Dialog title={t('rename.of', { name: user.name })} onClose={onClose}>
      <RenameForm name={user.name} hint={t('rename.otherHint')} autoFocus save={async (name) => (await updateUser(user.id, { name }), onClose())} />
    </Dialog>
  )
}

import { useRef, useState } from 'react'
import { t } from '../../i18n'
import { openDirect } from '../../store/actions'
import { Dialog } from '../kit/Dialog'
import { Fault, useSubmit } from '../kit/Form'
import { PeoplePicker } from './PeoplePicker'

/** So many others are in a direct room at most. */
const most = 8

/** Opens the direct room with one person or several. */
export function NewMessage({ onClose }: { onClose: () => void }) {
  const [users, setUsers] = useState<string[]>([])
  const left = useRef(false)
  const { busy, submit, elsewhere } = useSubmit(async () => {
    if (users.length === 0) return
    await openDirect(users)
    left.current = true
    onClose()
  })
  return (
    <Dialog title={t('list.message')} onClose={onClose} left={left}>
      <form onSubmit={submit}>
        <PeoplePicker label={t('group.to')} chosen={users} onChange={setUsers} most={most} whole />
        <p className="field-hint">{t('group.hint', { count: most })}</p>
        <Fault text={elsewhere()} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button primary" disabled={busy || users.length === 0}>
            {t('group.open')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

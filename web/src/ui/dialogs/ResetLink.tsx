import { useState } from 'react'
import { t } from '../../i18n'
import { fullAt } from '../../protocol/base'
import type { User } from '../../protocol/types'
import { call } from '../../store/actions'
import { Dialog } from '../kit/Dialog'
import { Fault, useSubmit } from '../kit/Form'
import { Once } from './Once'

/** Makes a link with which somebody sets a new password. */
export function ResetLink({ user, onClose }: { user: User; onClose: () => void }) {
  const [code, setCode] = useState('')
  const { busy, submit, elsewhere } = useSubmit(async () => setCode((await call('password.link', { user: user.id })).code))
  return (
    <Dialog title={t('reset.title')} onClose={onClose}>
      <form onSubmit={submit}>
        <p className="dialog-text">{t('reset.text', { name: user.name })}</p>
        {code && <Once value={fullAt(`#reset=${code}`)} label={t('reset.label')} copy={t('reset.copy')} fresh />}
        <Fault text={elsewhere()} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t(code ? 'app.close' : 'app.cancel')}
          </button>
          {!code && (
            <button className="button primary" disabled={busy}>
              {t('reset.make')}
            </button>
          )}
        </div>
      </form>
    </Dialog>
  )
}

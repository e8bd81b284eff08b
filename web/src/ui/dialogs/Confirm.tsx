import { t } from '../../i18n'
import { Dialog } from '../kit/Dialog'
import { Fault, useSubmit } from '../kit/Form'

interface Props {
  title: string
  text: string
  action: string
  danger?: boolean
  run: () => Promise<void>
  onClose: () => void
}

/** Asks once more. */
export function Confirm({ title, text, action, danger, run, onClose }: Props) {
  const { busy, submit, elsewhere } = useSubmit(async () => {
    await run()
    onClose()
  })
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        <p className="dialog-text">{text}</p>
        <Fault text={elsewhere()} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className={danger ? 'button danger' : 'button primary'} disabled={busy} autoFocus>
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

import { t } from '../../i18n'
import { updateAccount } from '../../store/people'
import { useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, useSubmit } from '../kit/Form'
import { momentName } from '../kit/time'
import { SpanField, useSpan } from './SpanField'
import { useQuiet } from './Status'

/** Pauses notifications for a while, and says so to others. */
export function Quiet({ onClose }: { onClose: () => void }) {
  const me = useChat((s) => s.me.id)
  const until = useQuiet(me)
  const span = useSpan('1h')
  const pause = useSubmit(async () => {
    await updateAccount({ quiet_until: span.end()!.toISOString() })
    onClose()
  })
  const end = useSubmit(async () => {
    await updateAccount({ quiet_until: '' })
    onClose()
  })
  return (
    <Dialog title={t('quiet.title')} onClose={onClose}>
      <form onSubmit={pause.submit}>
        <p className="dialog-text">{until ? t('quiet.now', { time: momentName(until, Date.now()) }) : t('quiet.hint')}</p>
        <SpanField label={t('quiet.for')} choices={['30m', '1h', '4h', 'tomorrow', 'date']} span={span} />
        <Fault text={pause.elsewhere() ?? end.elsewhere()} />
        <div className="dialog-actions">
          {until && (
            <button type="button" className="button apart" disabled={end.busy} onClick={() => void end.submit()}>
              {t('quiet.resume')}
            </button>
          )}
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button primary" disabled={pause.busy || !span.end()}>
            {t('quiet.pause')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

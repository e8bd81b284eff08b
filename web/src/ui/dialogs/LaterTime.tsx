import { useState } from 'react'
import { type Key, t } from '../../i18n'
import { remind, reschedule, sendLater } from '../../store/later'
import { toast } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'
import { momentName } from '../kit/time'
import { type Choice, SpanField, useSpan } from '../people/SpanField'

const names: Partial<Record<Choice, Key>> = { '30m': 'later.in30m', '1h': 'later.in1h', '4h': 'later.in4h', tomorrow: 'later.tomorrow', date: 'later.date' }

interface RemindProps {
  room: string
  no: number
  onClose: () => void
}

/** Asks when one wants to be reminded of a message. */
export function Remind({ room, no, onClose }: RemindProps) {
  const [note, setNote] = useState('')
  const span = useSpan('1h')
  const { busy, submit, elsewhere } = useSubmit(async () => {
    const at = span.end()!
    await remind({ room, no }, at, note.trim())
    onClose()
    toast(t('later.willRemind', { time: momentName(at.toISOString(), Date.now()) }))
  })
  return (
    <Dialog title={t('later.remindTitle')} onClose={onClose}>
      <form onSubmit={submit}>
        <SpanField label={t('later.when')} choices={['30m', '1h', '4h', 'tomorrow', 'date']} names={names} span={span} />
        <Field label={t('later.note')} value={note} maxLength={250} hint={t('later.noteHint')} onChange={(e) => setNote(e.target.value)} />
        <Actions busy={busy || !span.end()} fault={elsewhere()} action={t('later.remind')} onClose={onClose} />
      </form>
    </Dialog>
  )
}

interface SendProps {
  room: string
  text: string
  /** One that is scheduled already, to be changed. */
  id?: string
  at?: string
  /** Called when it is kept. */
  done?: () => void
  onClose: () => void
}

/** Asks when a message is to be sent. */
export function SendLater({ room, text: was, id, at: first, done, onClose }: SendProps) {
  const [text, setText] = useState(was)
  const span = useSpan(first ? 'date' : 'tomorrow', first)
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    const end = span.end()!
    if (id) await reschedule(id, { at: end.toISOString(), text })
    else await sendLater(room, text, end)
    done?.()
    onClose()
    toast(t('later.willSend', { time: momentName(end.toISOString(), Date.now()) }))
  })
  return (
    <Dialog title={t('later.sendTitle')} onClose={onClose}>
      <form onSubmit={submit}>
        <SpanField label={t('later.when')} choices={['1h', '4h', 'tomorrow', 'date']} names={names} span={span} />
        <label className="field">
          <span>{t('later.text')}</span>
          <textarea value={text} rows={4} dir="auto" required onChange={(e) => setText(e.target.value)} />
        </label>
        <Actions busy={busy || !span.end() || text.trim() === ''} fault={at('text') ?? elsewhere('text')} action={t('later.schedule')} onClose={onClose} />
      </form>
    </Dialog>
  )
}

function Actions({ busy, fault, action, onClose }: { busy: boolean; fault?: string; action: string; onClose: () => void }) {
  return (
    <>
      <Fault text={fault} />
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          {t('app.cancel')}
        </button>
        <button className="button primary" disabled={busy}>
          {action}
        </button>
      </div>
    </>
  )
}

import { useState } from 'react'
import { t } from '../../i18n'
import { updateRoom } from '../../store/actions'
import { useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'

export function Settings({ room, onClose }: { room: string; onClose: () => void }) {
  const view = useChat((s) => s.rooms[room])
  const limits = useChat((s) => s.limits)
  const [name, setName] = useState(view?.name ?? '')
  const [topic, setTopic] = useState(view?.topic ?? '')
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    await updateRoom(room, { name, topic })
    onClose()
  })
  return (
    <Dialog title={t('room.nameAndTopic')} onClose={onClose}>
      <form onSubmit={submit}>
        <Field label={t('create.name')} value={name} maxLength={limits.name} required autoFocus onChange={(e) => setName(e.target.value)} error={at('name')} />
        <Field label={t('create.topic')} value={topic} maxLength={limits.topic} onChange={(e) => setTopic(e.target.value)} error={at('topic')} hint={t('create.topicHint')} />
        <Fault text={elsewhere('name', 'topic')} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button primary" disabled={busy || name.trim() === ''}>
            {t('app.save')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

import { useMemo } from 'react'
import { t } from '../../i18n'
import { discard } from '../../store/actions'
import { toast, useApp, useChat } from '../../store/store'
import { copyText } from '../../store/copy'
import { Dialog } from '../kit/Dialog'

/** Messages that were refused in rooms which are no longer on the list: they have no other place to be seen. */
export function useUnsent() {
  const outbox = useApp((a) => a.outbox)
  const rooms = useChat((s) => s.rooms)
  return useMemo(() => outbox.filter((i) => i.state === 'failed' && !rooms[i.room]), [outbox, rooms])
}

export function Unsent({ onClose }: { onClose: () => void }) {
  const items = useUnsent()
  const copy = (text: string) =>
    copyText(text).then((done) => toast(t(done ? 'unsent.copied' : 'unsent.impossible')))
  return (
    <Dialog title={t('unsent.title')} onClose={onClose} wide>
      <p className="dialog-text">{t('unsent.text')}</p>
      <ul className="lines">
        {items.map((i) => (
          <li key={i.client_id}>
            <span className="lines-text unsent" dir="auto">
              {i.text}
              <small>{i.error}</small>
            </span>
            <button className="button" onClick={() => void copy(i.text)}>
              {t('app.copy')}
            </button>
            <button className="button" onClick={() => discard(i.client_id)}>
              {t('app.discard')}
            </button>
          </li>
        ))}
      </ul>
      {items.length === 0 && <p className="list-empty">{t('unsent.nothing')}</p>}
    </Dialog>
  )
}

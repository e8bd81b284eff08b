import { useEffect, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Message } from '../../protocol/types'
import { call } from '../../store/actions'
import { goTo, pinMessage } from '../../store/marks'
import { nameOf } from '../../store/select'
import { useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { fullTime } from '../kit/time'
import { Text } from '../timeline/Text'

async function allPins(room: string): Promise<Message[]> {
  const all: Message[] = []
  for (let after: number | undefined; ; after = all[all.length - 1]?.no) {
    const page = await call('message.pins', { room, ...(after ? { after } : {}) })
    all.push(...page.messages)
    if (!page.more) return all
  }
}

/** The pinned messages of a room, the last pinned first. */
export function Pins({ room, onClose }: { room: string; onClose: () => void }) {
  const chat = useChat((s) => s)
  const changes = useChat((s) => s.changes[room])
  const [pins, setPins] = useState<Message[] | null>(null)
  const [fault, setFault] = useState('')
  useEffect(() => {
    allPins(room).then(setPins, (err: unknown) => setFault(explain(err)))
  }, [room, changes])
  const go = (m: Message) => {
    onClose()
    goTo(m)
  }
  return (
    <Dialog title={t('pins.title')} onClose={onClose}>
      {fault && (
        <p className="fault" role="alert">
          {fault}
        </p>
      )}
      {!pins && !fault && <p className="list-empty">{t('app.loading')}</p>}
      {pins?.length === 0 && <p className="list-empty">{t('pins.none')}</p>}
      <ul className="pins">
        {pins?.map((m) => (
          <li key={m.no}>
            <div className="pin-head">
              <bdi>{nameOf(chat, m.from)}</bdi> <time dateTime={m.at}>{fullTime(m.at)}</time>
            </div>
            <Text text={m.text} mentions={m.mentions} />
            <div className="pin-actions">
              <button className="link" onClick={() => go(m)}>
                {t('pins.go')}
              </button>
              <button className="link" onClick={() => void pinMessage(m)}>
                {t('message.unpin')}
              </button>
            </div>
          </li>
        ))}
      </ul>
    </Dialog>
  )
}

import { type ReactNode, useEffect, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Message, Scheduled } from '../../protocol/types'
import { call } from '../../store/actions'
import { toggleSaved, unschedule, useLater, useSaved } from '../../store/later'
import { goToRoom, type Place } from '../../store/marks'
import { viewOf } from '../../store/room'
import { nameOf, titleOf } from '../../store/select'
import { useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Tabs } from '../kit/Tabs'
import { fullTime, momentName } from '../kit/time'
import { Text } from '../timeline/Text'
import { openOver } from './open'

export type LaterTab = 'saved' | 'reminders' | 'scheduled'

/** What one keeps for later: saved messages, reminders, and messages to be sent. */
export function Later({ tab: first, onClose }: { tab?: LaterTab; onClose: () => void }) {
  const [tab, setTab] = useState<LaterTab>(first ?? 'saved')
  const saved = useSaved()
  const scheduled = useLater((l) => l.scheduled)
  const reminders = scheduled?.filter((x) => x.no) ?? []
  const messages = scheduled?.filter((x) => !x.no) ?? []
  const tabs = [
    { value: 'saved' as const, label: t('later.saved') },
    { value: 'reminders' as const, label: t('later.reminders') },
    { value: 'scheduled' as const, label: t('later.scheduled') },
  ]
  const empty = { saved: saved.length === 0 && t('later.noneSaved'), reminders: reminders.length === 0 && t('later.noReminders'), scheduled: messages.length === 0 && t('later.noneScheduled') }[tab]
  return (
    <Dialog title={t('later.title')} onClose={onClose} wide>
      <Tabs label={t('later.title')} tabs={tabs} value={tab} onChange={setTab}>
        {empty && <p className="list-empty">{empty}</p>}
        <ul className="pins">
          {tab === 'saved' &&
            saved.map((x) => (
              <Kept key={`${x.room}/${x.no}`} place={x} onClose={onClose}>
                <button className="link" onClick={() => openOver({ kind: 'remind', room: x.room, no: x.no })}>
                  {t('later.remindMe')}
                </button>
                <button className="link" onClick={() => toggleSaved(x)}>
                  {t('later.remove')}
                </button>
              </Kept>
            ))}
          {tab === 'reminders' &&
            reminders.map((x) => (
              <Kept key={x.id} place={{ room: x.room, no: x.no! }} item={x} onClose={onClose}>
                <button className="link" onClick={() => void unschedule(x.id)}>
                  {t(x.due ? 'later.done' : 'later.remove')}
                </button>
              </Kept>
            ))}
          {tab === 'scheduled' && messages.map((x) => <ToSend key={x.id} item={x} />)}
        </ul>
      </Tabs>
    </Dialog>
  )
}

interface KeptProps {
  place: Place
  item?: Scheduled
  onClose: () => void
  children: ReactNode
}

/** A message that one wants to come back to. */
function Kept({ place: { room, no }, item, onClose, children }: KeptProps) {
  const chat = useChat((s) => s)
  const [message, setMessage] = useState<Message | null>(null)
  const [fault, setFault] = useState('')
  useEffect(() => {
    call('message.get', { room, no }).then(setMessage, (err: unknown) => setFault(explain(err)))
  }, [room, no])
  const view = viewOf(chat, room)
  return (
    <li className={item?.due ? 'due' : undefined}>
      <div className="pin-head">
        {view && <bdi>{titleOf(chat, view)}</bdi>} {message && '· '}
        {message && <bdi>{nameOf(chat, message.from)}</bdi>} {message && <time dateTime={message.at}>{fullTime(message.at)}</time>}
      </div>
      {item && (
        <p className="later-note">
          {item.due ? t('later.dueSince', { time: momentName(item.at, Date.now()) }) : momentName(item.at, Date.now())}
          {item.text && (
            <>
              {' – '}
              <bdi>{item.text}</bdi>
            </>
          )}
        </p>
      )}
      {fault && <p className="field-error">{fault}</p>}
      {message && (message.deleted_at ? <p className="list-empty">{t('message.deleted')}</p> : <Text text={message.text} mentions={message.mentions} />)}
      <div className="pin-actions">
        {message && (
          <button className="link" onClick={() => (onClose(), void goToRoom(room, no))}>
            {t('pins.go')}
          </button>
        )}
        {children}
      </div>
    </li>
  )
}

/** A message to be sent. */
function ToSend({ item }: { item: Scheduled }) {
  const chat = useChat((s) => s)
  const view = viewOf(chat, item.room)
  return (
    <li>
      <div className="pin-head">
        {view && <bdi>{titleOf(chat, view)}</bdi>} <time dateTime={item.at}>{momentName(item.at, Date.now())}</time>
      </div>
      {item.error && <p className="field-error">{item.error}</p>}
      <Text text={item.text ?? ''} />
      <div className="pin-actions">
        <button className="link" onClick={() => openOver({ kind: 'send-later', room: item.room, text: item.text ?? '', id: item.id, at: item.error ? undefined : item.at })}>
          {t('later.change')}
        </button>
        <button className="link" onClick={() => void unschedule(item.id)}>
          {t('later.cancel')}
        </button>
      </div>
    </li>
  )
}

import { useEffect, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Message, ReadPosition } from '../../protocol/types'
import { call } from '../../store/actions'
import { nameOf, presence } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { Avatar } from '../kit/Avatar'
import { Dialog } from '../kit/Dialog'
import { Fault } from '../kit/Form'
import { openOver } from './open'

const every = 4_000 // ms between two looks while it is open

/** Who has read a message, as long as it is open. */
export function ReadBy({ message, onClose }: { message: Message; onClose: () => void }) {
  const { room, no, from } = message
  const chat = useChat((s) => s)
  const online = useApp((a) => a.status.kind === 'online')
  const [reads, setReads] = useState<ReadPosition[] | null>(null)
  const [fault, setFault] = useState('')
  useEffect(() => {
    if (!online) return
    let timer: ReturnType<typeof setTimeout> | undefined
    let left = false
    const look = async () => {
      if (!document.hidden) {
        await call('read.list', { room }).then(
          ({ reads }) => left || (setReads(reads), setFault('')),
          (err: unknown) => left || setFault(explain(err)),
        )
      }
      if (!left) timer = setTimeout(() => void look(), every)
    }
    void look()
    return () => {
      left = true
      clearTimeout(timer)
    }
  }, [room, online])
  const others = (reads ?? []).filter((r) => r.user !== from && r.user !== chat.me.id)
  const readers = others.filter((r) => r.no >= no).map((r) => r.user).sort((a, b) => nameOf(chat, a).localeCompare(nameOf(chat, b)))
  return (
    <Dialog title={t('readBy.title')} onClose={onClose}>
      <Fault text={fault} />
      {!fault && (
        <p className="muted" role="status">
          {reads === null ? t('app.loading') : t('readBy.of', { number: readers.length, count: others.length })}
        </p>
      )}
      <ul className="readers">
        {readers.map((user) => (
          <li key={user}>
            <button className="person-item" onClick={() => openOver({ kind: 'profile', user })}>
              <Avatar id={user} name={nameOf(chat, user)} size="small" online={presence(chat, user)} />
              <span className="person-name">
                <bdi>{nameOf(chat, user)}</bdi>
              </span>
            </button>
          </li>
        ))}
      </ul>
      <p className="muted">{t('readBy.hint')}</p>
    </Dialog>
  )
}

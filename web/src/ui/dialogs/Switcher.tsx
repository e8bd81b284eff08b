import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from 'react'
import { formatNumber, t } from '../../i18n'
import { explain } from '../../protocol/error'
import { openDirect, openRoom } from '../../store/actions'
import { useLookUp } from '../../store/profiles'
import { toast, useChat } from '../../store/store'
import { type Target, targets } from '../../store/targets'
import { RoomFace } from '../chat/RoomFace'
import { Dialog } from '../kit/Dialog'
import { StatusMark } from '../people/Status'

/** Type a few letters, press Enter, and be there. */
export function Switcher({ onClose }: { onClose: () => void }) {
  const chat = useChat((s) => s)
  const id = useId()
  const [typed, setTyped] = useState('')
  useLookUp(typed)
  const [at, setAt] = useState(0)
  const list = useRef<HTMLUListElement>(null)
  const left = useRef(false)
  const found = useMemo(() => targets(chat, typed), [chat, typed])
  useEffect(() => void list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' }), [at])
  const go = (to: Target | undefined) => {
    if (!to) return
    left.current = true
    onClose()
    if (to.room) openRoom(to.room.id)
    else void openDirect([to.user]).catch((err: unknown) => toast(explain(err)))
  }
  const keys = (e: KeyboardEvent) => {
    if (e.key === 'ArrowDown') setAt((at + 1) % Math.max(1, found.length))
    else if (e.key === 'ArrowUp') setAt((at + found.length - 1) % Math.max(1, found.length))
    else if (e.key === 'Enter' && !e.nativeEvent.isComposing) go(found[at])
    else return
    e.preventDefault()
  }
  const title = t('switcher.title')
  return (
    <Dialog title={title} onClose={onClose} bare left={left}>
      <input
        className="switcher-input"
        role="combobox"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={found[at] ? `${id}-${found[at].key}` : undefined}
        aria-label={title}
        placeholder={t('switcher.placeholder')}
        autoComplete="off"
        spellCheck={false}
        autoFocus
        value={typed}
        onChange={(e) => (setTyped(e.target.value), setAt(0))}
        onKeyDown={keys}
      />
      <ul ref={list} id={`${id}-list`} role="listbox" aria-label={title} className="switcher-list">
        {found.map((to, i) => (
          <li key={to.key} id={`${id}-${to.key}`} role="option" aria-selected={i === at} onClick={() => go(to)} onMouseMove={() => setAt(i)}>
            <RoomFace room={to.room ?? { kind: 'direct', people: [to.user] }} size="small" />
            <span className="switcher-title">
              <bdi>{to.title}</bdi>
              {to.user && <StatusMark user={to.user} />}
            </span>
            {to.room?.archived && <span className="tag">{t('archive.tag')}</span>}
            {to.unread > 0 && <span className="badge">{to.unread > 99 ? `${formatNumber(99)}+` : formatNumber(to.unread)}</span>}
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="list-empty">{t('switcher.nothing')}</p>}
      <p className="switcher-foot" aria-hidden="true">
        <kbd>↑</kbd> <kbd>↓</kbd> {t('switcher.choose')} <kbd>{t('keys.enter')}</kbd> {t('switcher.open')} <kbd>{t('keys.esc')}</kbd> {t('switcher.close')}
      </p>
    </Dialog>
  )
}

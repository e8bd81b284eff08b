import { Hash, Lock } from 'lucide-react'
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from 'react'
import { explain } from '../../protocol/error'
import { openDirect, openRoom } from '../../store/actions'
import { fit, otherOf, presence, sortedPeople, titleOf } from '../../store/select'
import type { State } from '../../store/state'
import { toast, useChat } from '../../store/store'
import { Avatar } from '../kit/Avatar'
import { Dialog } from '../kit/Dialog'

interface Target {
  key: string
  title: string
  kind: 'public' | 'private' | 'direct' | 'person'
  user: string
  unread: number
  recent: string
  go: () => void
}

function targets(s: State, peopleOnly: boolean): Target[] {
  const rooms = Object.values(s.rooms).map<Target>((r) => ({
    key: r.id, title: titleOf(s, r), kind: r.kind, user: otherOf(s, r), unread: r.unread, recent: r.last?.at ?? r.joined_at, go: () => openRoom(r.id),
  }))
  const known = new Set(rooms.map((r) => (r.kind === 'direct' ? r.user : '')))
  const people = sortedPeople(s)
    .filter((u) => !known.has(u.id))
    .map<Target>((u) => ({
      key: u.id, title: u.name, kind: 'person', user: u.id, unread: 0, recent: '',
      go: () => void openDirect(u.id).catch((err: unknown) => toast(explain(err))),
    }))
  return [...rooms.filter((r) => !peopleOnly || r.kind === 'direct'), ...people]
}

/** Type a few letters, press Enter, and be there. */
export function Switcher({ onClose, peopleOnly = false }: { onClose: () => void; peopleOnly?: boolean }) {
  const chat = useChat((s) => s)
  const id = useId()
  const [typed, setTyped] = useState('')
  const [at, setAt] = useState(0)
  const list = useRef<HTMLUListElement>(null)
  const found = useMemo(
    () =>
      targets(chat, peopleOnly)
        .map((t) => ({ t, score: fit(t.title, typed) }))
        .filter((f) => f.score > 0)
        .sort((a, b) => b.score - a.score || Math.sign(b.t.unread) - Math.sign(a.t.unread) || (a.t.recent < b.t.recent ? 1 : -1))
        .slice(0, peopleOnly ? 200 : 40)
        .map((f) => f.t),
    [chat, typed, peopleOnly],
  )
  useEffect(() => void list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' }), [at])
  const go = (t: Target | undefined) => {
    if (!t) return
    onClose()
    t.go()
  }
  const keys = (e: KeyboardEvent) => {
    if (e.key === 'ArrowDown') setAt((at + 1) % Math.max(1, found.length))
    else if (e.key === 'ArrowUp') setAt((at + found.length - 1) % Math.max(1, found.length))
    else if (e.key === 'Enter' && !e.nativeEvent.isComposing) go(found[at])
    else return
    e.preventDefault()
  }
  const title = peopleOnly ? 'Message a person' : 'Jump to a room or person'
  return (
    <Dialog title={title} onClose={onClose} bare>
      <input
        className="switcher-input"
        role="combobox"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={found[at] ? `${id}-${found[at].key}` : undefined}
        aria-label={title}
        placeholder={`${title}…`}
        autoComplete="off"
        spellCheck={false}
        autoFocus
        value={typed}
        onChange={(e) => (setTyped(e.target.value), setAt(0))}
        onKeyDown={keys}
      />
      <ul ref={list} id={`${id}-list`} role="listbox" aria-label={title} className="switcher-list">
        {found.map((t, i) => (
          <li key={t.key} id={`${id}-${t.key}`} role="option" aria-selected={i === at} onClick={() => go(t)} onMouseMove={() => setAt(i)}>
            {t.kind === 'public' || t.kind === 'private' ? (
              <span className="room-sign small" aria-hidden="true">
                {t.kind === 'private' ? <Lock size={14} /> : <Hash size={15} />}
              </span>
            ) : (
              <Avatar id={t.user} name={t.title} size="small" online={presence(chat, t.user)} />
            )}
            <span className="switcher-title">
              <bdi>{t.title}</bdi>
            </span>
            {t.unread > 0 && <span className="badge">{t.unread > 99 ? '99+' : t.unread}</span>}
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="list-empty">Nothing fits.</p>}
      <p className="switcher-foot" aria-hidden="true">
        <kbd>↑</kbd> <kbd>↓</kbd> choose <kbd>Enter</kbd> open <kbd>Esc</kbd> close
      </p>
    </Dialog>
  )
}

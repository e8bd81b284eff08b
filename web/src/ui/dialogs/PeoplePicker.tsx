import { X } from 'lucide-react'
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from 'react'
import { t } from '../../i18n'
import { useLookUp } from '../../store/profiles'
import { fit, nameOf, presence, sortedPeople, useMayInvite } from '../../store/select'
import { useChat } from '../../store/store'
import { openOver } from './open'
import { Avatar } from '../kit/Avatar'

interface Props {
  label: string
  chosen: string[]
  onChange: (users: string[]) => void
  /** People who are not offered. */
  except?: ReadonlySet<string>
  most: number
  /** The list is not folded away, and offers many: choosing is all there is to do. */
  whole?: boolean
}

/** A field in which one chooses people by name. */
export function PeoplePicker({ label, chosen, onChange, except, most, whole = false }: Props) {
  const chat = useChat((s) => s)
  const invite = useMayInvite()
  const id = useId()
  const [typed, setTyped] = useState('')
  useLookUp(typed)
  const [at, setAt] = useState(0) // -1: none, so that Enter goes on to what the form does
  const [unfolded, setOpen] = useState(false)
  const open = whole || unfolded
  const field = useRef<HTMLDivElement>(null)
  useEffect(() => {
    // Not on blur: the list would go while a button below is being pressed, and
    // the button would move from under the pointer.
    const away = (e: MouseEvent) => {
      if (e.target instanceof Node && !field.current?.contains(e.target)) setOpen(false)
    }
    document.addEventListener('click', away)
    return () => document.removeEventListener('click', away)
  }, [])
  const found = useMemo(
    () =>
      sortedPeople(chat)
        .filter((u) => !chosen.includes(u.id) && !except?.has(u.id))
        .map((u) => ({ user: u, score: fit(u.name, typed) }))
        .filter((f) => f.score > 0)
        .sort((a, b) => b.score - a.score)
        .slice(0, whole ? 200 : 6)
        .map((f) => f.user),
    [chat.people, chat.online, chosen, except, typed, whole],
  )
  const full = chosen.length >= most
  const list = useRef<HTMLUListElement>(null)
  useEffect(() => void list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' }), [at])
  const pick = (user: string | undefined) => {
    if (!user || full) return
    onChange([...chosen, user])
    setTyped('')
    setAt(-1)
  }
  const keys = (e: KeyboardEvent) => {
    if (e.key === 'ArrowDown') setAt(Math.min(at + 1, found.length - 1))
    else if (e.key === 'ArrowUp') setAt(Math.max(at - 1, 0))
    else if (e.key === 'Enter' && (typed || open) && found[at]) pick(found[at].id)
    else if (e.key === 'Backspace' && typed === '' && chosen.length) onChange(chosen.slice(0, -1))
    else if (e.key === 'Escape' && unfolded && !whole && typed) setOpen(false) // one that came with the focus goes with the dialog
    else if (e.key === 'Tab') return setOpen(false)
    else return
    if (e.key !== 'Backspace') e.preventDefault()
    if (e.key.startsWith('Arrow')) setOpen(true)
  }
  return (
    <div className="field" ref={field}>
      <label htmlFor={id}>{label}</label>
      <div className="picker">
        {chosen.map((u) => (
          <span key={u} className="chip">
            {nameOf(chat, u)}
            <button type="button" aria-label={t('people.remove', { name: nameOf(chat, u) })} onClick={() => onChange(chosen.filter((c) => c !== u))}>
              <X size={13} />
            </button>
          </span>
        ))}
        <input
          id={id}
          role="combobox"
          aria-expanded={open && found.length > 0}
          aria-controls={`${id}-list`}
          aria-activedescendant={open && found[at] ? `${id}-${found[at].id}` : undefined}
          aria-autocomplete="list"
          autoComplete="off"
          placeholder={chosen.length ? '' : t('people.type')}
          value={typed}
          disabled={full}
          onChange={(e) => (setTyped(e.target.value), setAt(0), setOpen(true))}
          onFocus={() => setOpen(true)}
          onKeyDown={keys}
        />
      </div>
      <ul ref={list} id={`${id}-list`} role="listbox" aria-label={label} className="picker-list" hidden={!open || found.length === 0}>
        {found.map((u, i) => (
          <li
            key={u.id}
            id={`${id}-${u.id}`}
            role="option"
            aria-selected={i === at}
            onMouseDown={(e) => (e.preventDefault(), pick(u.id))}
            onMouseEnter={() => setAt(i)}
          >
            <Avatar id={u.id} name={u.name} size="small" online={presence(chat, u.id)} />
            {u.name}
          </li>
        ))}
      </ul>
      {typed.trim() !== '' && found.length === 0 && (
        <p className="field-hint" role="status">
          {t('people.noOne', { name: typed.trim() })}{' '}
          {invite && (
            <button type="button" className="link" onClick={() => openOver({ kind: 'invite' })}>
              {t('people.invite')}
            </button>
          )}
        </p>
      )}
    </div>
  )
}

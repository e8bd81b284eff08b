import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from 'react'
import { t } from '../../i18n'
import { plainLine } from '../../markdown/render'
import type { Message, RoomView } from '../../protocol/types'
import { forward } from '../../store/forward'
import { barOf, mayPost } from '../../store/gate'
import { nameOf } from '../../store/select'
import { useLookUp } from '../../store/profiles'
import { toast, useApp, useChat } from '../../store/store'
import { targets } from '../../store/targets'
import { RoomFace } from '../chat/RoomFace'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'

/** Asks where a message is to be sent on to. */
export function Forward({ message, onClose }: { message: Message; onClose: () => void }) {
  const chat = useChat((s) => s)
  const ahead = useApp((a) => a.ahead)
  const id = useId()
  const [typed, setTyped] = useState('')
  useLookUp(typed)
  const [chosen, setChosen] = useState<string | null>(null)
  const [note, setNote] = useState('')
  const list = useRef<HTMLUListElement>(null)
  const found = useMemo(() => {
    const open = (r: RoomView) => barOf(r, Date.now(), ahead).kind === 'open' && mayPost(chat.me, r)
    return targets(chat, typed, open)
  }, [chat, typed, ahead])
  const at = Math.max(0, found.findIndex((to) => to.key === chosen))
  const to = found[at]
  const { busy, submit, elsewhere } = useSubmit(async () => {
    if (!to) return
    await forward(chat, message, to, note)
    onClose()
    toast(t('forward.done', { room: to.title }))
  })
  useEffect(() => void list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' }), [at])
  const keys = (e: KeyboardEvent) => {
    const step = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0
    if (step === 0 || found.length === 0) return
    setChosen(found[(at + step + found.length) % found.length]!.key)
    e.preventDefault()
  }
  const said = plainLine(message.text, 160) || (message.files ?? []).map((f) => f.name).join(', ')
  return (
    <Dialog title={t('forward.title')} onClose={onClose}>
      <form onSubmit={submit}>
        <blockquote className="forwarded">
          <b>
            <bdi>{nameOf(chat, message.from)}</bdi>
          </b>{' '}
          <bdi>{said}</bdi>
        </blockquote>
        <Field
          label={t('forward.to')}
          role="combobox"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={to ? `${id}-${to.key}` : undefined}
          autoComplete="off"
          spellCheck={false}
          value={typed}
          onChange={(e) => (setTyped(e.target.value), setChosen(null))}
          onKeyDown={keys}
        />
        <ul ref={list} id={`${id}-list`} role="listbox" aria-label={t('forward.to')} className="switcher-list forward-list">
          {found.map((x) => (
            <li key={x.key} id={`${id}-${x.key}`} role="option" aria-selected={x === to} onClick={() => setChosen(x.key)}>
              <RoomFace room={x.room ?? { kind: 'direct', people: [x.user] }} size="small" />
              <span className="switcher-title">
                <bdi>{x.title}</bdi>
              </span>
            </li>
          ))}
        </ul>
        {found.length === 0 && <p className="list-empty">{t('switcher.nothing')}</p>}
        <Field label={t('forward.note')} value={note} maxLength={1000} dir="auto" hint={t('forward.hint')} onChange={(e) => setNote(e.target.value)} />
        <Fault text={elsewhere()} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button primary" disabled={busy || !to}>
            {t('forward.action')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

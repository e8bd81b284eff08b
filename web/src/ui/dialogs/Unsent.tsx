import { useMemo } from 'react'
import { discard } from '../../store/actions'
import { toast, useApp, useChat } from '../../store/store'
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
    navigator.clipboard ? navigator.clipboard.writeText(text).then(() => toast('Copied.'), () => toast('Copying is not possible here.')) : toast('Copying is not possible here.')
  return (
    <Dialog title="Not sent" onClose={onClose} wide>
      <p className="dialog-text">You wrote these in rooms that you are no longer in. They can be copied to another place.</p>
      <ul className="lines">
        {items.map((i) => (
          <li key={i.client_id}>
            <span className="lines-text unsent" dir="auto">
              {i.text}
              <small>{i.error}</small>
            </span>
            <button className="button" onClick={() => void copy(i.text)}>
              Copy
            </button>
            <button className="button" onClick={() => discard(i.client_id)}>
              Discard
            </button>
          </li>
        ))}
      </ul>
      {items.length === 0 && <p className="list-empty">Nothing is left here.</p>}
    </Dialog>
  )
}

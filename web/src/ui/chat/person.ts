import { explain } from '../../protocol/error'
import { openDirect } from '../../store/actions'
import { toast, useApp } from '../../store/store'

/** Goes to a person: to the direct messages with them. */
export function openPerson(user: string): void {
  const { chat } = useApp.getState()
  if (!chat || user === chat.me.id || chat.me.role === 'guest') return
  openDirect(user).catch((err: unknown) => toast(explain(err)))
}

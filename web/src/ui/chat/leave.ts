import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { RoomView } from '../../protocol/types'
import { joinRoom, leaveRoom, openDirect, openRoom } from '../../store/actions'
import { othersOf, titleOf } from '../../store/select'
import { toast, useApp } from '../../store/store'
import { openDialog } from '../dialogs/open'

/** Whether one who has left comes back as what they were, by themselves. */
const returnable = (room: RoomView & { archived?: boolean }, guest: boolean) => room.kind === 'public' && room.role === 'member' && !room.archived && !guest

/** Leaves a room. Where one can come back as one was, that is offered; elsewhere it is asked before. */
export async function leave(room: RoomView): Promise<void> {
  const { chat } = useApp.getState()
  if (!chat) return
  const title = titleOf(chat, room)
  const out = async () => {
    await leaveRoom(room.id)
    openRoom(null, true)
  }
  if (!returnable(room, chat.me.role === 'guest')) {
    return openDialog({
      kind: 'confirm',
      title: t('room.leaveTitle', { room: title }),
      text: room.kind === 'private' ? t('room.leavePrivate') : room.role === 'moderator' ? t('undo.leaveModerator') : t('room.leavePublic'),
      action: t('room.leaveAction'),
      danger: true,
      run: out,
    })
  }
  try {
    await out()
    toast(t('undo.left', { room: title }), {
      undo: () => void joinRoom(room.id).then((view) => openRoom(view.id, true), (err: unknown) => toast(explain(err))),
    })
  } catch (err) {
    toast(explain(err))
  }
}

/** Takes a direct room off the list, until someone writes in it or one opens it again. */
export async function closeDirect(room: RoomView): Promise<void> {
  const { chat, room: open } = useApp.getState()
  if (!chat) return
  try {
    await leaveRoom(room.id)
    if (open === room.id) openRoom(null, true)
    toast(t('undo.closed', { room: titleOf(chat, room) }), { undo: () => void openDirect(othersOf(chat.me.id, room)).catch((err: unknown) => toast(explain(err))) })
  } catch (err) {
    toast(explain(err))
  }
}

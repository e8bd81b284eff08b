import { Bell, BellDot, Bookmark, BookmarkMinus, CheckCheck, CircleUser, ClipboardCopy, Copy, Flag, Forward, MailOpen, Quote, MessageSquareReply, MoreHorizontal, Pencil, Pin, PinOff, Trash2 } from 'lucide-react'
import { useEffect } from 'react'
import { t } from '../../i18n'
import type { Message } from '../../protocol/types'
import { loadMembersOnce } from '../../store/actions'
import { deleteSoon } from '../../store/deletions'
import { copyLink, copyMessage, deleteMessage, openThread, pinMessage, quote, startEdit, toggleReaction, useMarks } from '../../store/marks'
import { quickReactions } from '../../store/recent'
import { toggleSaved, useSaved } from '../../store/later'
import { markUnread } from '../../store/unread'
import { homeOf } from '../../store/gate'
import { atLeast, mayModerate, nameOf } from '../../store/select'
import { viewOf } from '../../store/room'
import { useApp, useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { EmojiButton } from '../emoji/EmojiButton'
import { InRoom, useModerates } from '../chat/InRoom'
import { openPerson } from '../chat/person'
import { useMayWrite } from '../chat/useGate'
import { useMedia } from '../kit/hooks'
import { useLayer } from '../kit/layers'
import { Menu, MenuItem, MenuLine, MenuRow, MenuText } from '../kit/Menu'

/** What one can do with a message: shown beside it while one points at it or has the focus in it. */
export function MessageActions({ message }: { message: Message }) {
  const mine = useChat((s) => message.from === s.me.id)
  const member = useChat((s) => atLeast(s.me, 'member'))
  const inThread = useChat((s) => viewOf(s, message.room)?.kind === 'thread')
  const listedHere = useChat((s) => s.rooms[message.room] !== undefined)
  const receipts = useApp((a) => a.info?.read_receipts === true && !a.chat?.me.hides_reads)
  const people = useChat((s) => s.rooms[message.room]?.members ?? 0)
  const saved = useSaved().some((x) => x.room === message.room && x.no === message.no)
  const write = useMayWrite(message.room)
  const home = useChat((s) => viewOf(s, message.room) && homeOf(s, viewOf(s, message.room)!))
  const moderate = useChat((s) => home !== undefined && mayModerate(s, home))
  const author = useChat((s) => nameOf(s, message.from))
  const moderates = useModerates(home?.id ?? '', message.from)
  const place = `${message.room}/${message.no}`
  const open = useMarks((m) => m.menu === place)
  const setOpen = (to: boolean) => useMarks.setState({ menu: to ? place : null })
  useEffect(() => () => useMarks.setState((m) => (m.menu === place ? { menu: null } : m)), [place])
  const touch = useMedia('(pointer: coarse)')
  useLayer(open && touch, 'message', () => setOpen(false))
  const mayReply = !inThread && (write || message.thread !== undefined)
  return (
    <div className="message-actions" role="toolbar" aria-label={t('message.actions')}>
      {write && <EmojiButton quick label={t('message.react')} onDone={(emoji) => emoji && void toggleReaction(message, emoji)} />}
      {mayReply && (
        <button className="icon-button" aria-label={t('message.reply')} title={t('message.reply')} onClick={() => void openThread(message)}>
          <MessageSquareReply size={17} />
        </button>
      )}
      {mine && write && (
        <button className="icon-button" aria-label={t('message.edit')} title={t('message.edit')} onClick={() => startEdit(message)}>
          <Pencil size={16} />
        </button>
      )}
      <Menu
        open={open}
        onChange={setOpen}
        sheet={touch}
        onOpen={() => moderates && loadMembersOnce(home!.id)}
        trigger={
          <button className="icon-button" aria-label={t('message.more')}>
            <MoreHorizontal size={17} />
          </button>
        }
      >
        {touch && (
          <>
            {write && <MenuRow items={quickReactions().map((emoji) => ({ sign: emoji, label: t('message.reactWith', { emoji }), onSelect: () => void toggleReaction(message, emoji) }))} />}
            {mayReply && (
              <MenuItem icon={<MessageSquareReply size={16} />} onSelect={() => void openThread(message)}>
                {t('message.reply')}
              </MenuItem>
            )}
            {mine && write && (
              <MenuItem icon={<Pencil size={16} />} onSelect={() => startEdit(message)}>
                {t('message.edit')}
              </MenuItem>
            )}
          </>
        )}
        <MenuItem icon={<Forward size={16} className="flip" />} onSelect={() => openDialog({ kind: 'forward', message })}>
          {t('forward.action')}
        </MenuItem>
        <MenuItem icon={<Copy size={16} />} onSelect={() => void copyLink(message)}>
          {t('message.copyLink')}
        </MenuItem>
        {message.text && (
          <MenuItem icon={<ClipboardCopy size={16} />} onSelect={() => void copyMessage(message)}>
            {t('message.copyText')}
          </MenuItem>
        )}
        {message.text && write && (
          <MenuItem icon={<Quote size={16} />} onSelect={() => quote(message)}>
            {t('message.quote')}
          </MenuItem>
        )}
        <MenuItem icon={saved ? <BookmarkMinus size={16} /> : <Bookmark size={16} />} onSelect={() => toggleSaved(message)}>
          {t(saved ? 'later.unsave' : 'later.save')}
        </MenuItem>
        <MenuItem icon={<Bell size={16} />} onSelect={() => openDialog({ kind: 'remind', room: message.room, no: message.no })}>
          {t('later.remindMe')}
        </MenuItem>
        {listedHere && (
          <MenuItem icon={<MailOpen size={16} />} onSelect={() => markUnread(message.room, message.no)}>
            {t('message.unread')}
          </MenuItem>
        )}
        {receipts && people > 1 && people <= 100 && (
          <MenuItem icon={<CheckCheck size={16} />} onSelect={() => openDialog({ kind: 'read-by', message })}>
            {t('readBy.action')}
          </MenuItem>
        )}
        {!mine && (
          <MenuItem icon={<BellDot size={16} />} onSelect={() => openDialog({ kind: 'why', message })}>
            {t('why.title')}
          </MenuItem>
        )}
        <MenuLine />
        <MenuItem icon={<CircleUser size={16} />} onSelect={() => openPerson(message.from)}>
          {mine ? t('profile.yours') : t('profile.of', { name: author })}
        </MenuItem>
        {member && write && (
          <MenuItem icon={message.pinned_at ? <PinOff size={16} /> : <Pin size={16} />} onSelect={() => void pinMessage(message)}>
            {t(message.pinned_at ? 'message.unpin' : 'message.pin')}
          </MenuItem>
        )}
        {!mine && (
          <MenuItem icon={<Flag size={16} />} onSelect={() => openDialog({ kind: 'report', message })}>
            {t('report.action')}
          </MenuItem>
        )}
        {((mine && !home?.archived) || moderate) && (
          <MenuItem icon={<Trash2 size={16} />} danger onSelect={() => (mine ? deleteSoon(message) : confirmDelete(message))}>
            {t('message.delete')}
          </MenuItem>
        )}
        {moderates && (
          <>
            <MenuLine />
            <MenuText>{author}</MenuText>
            <InRoom room={home!.id} user={message.from} />
          </>
        )}
      </Menu>
    </div>
  )
}

function confirmDelete(message: Message): void {
  openDialog({
    kind: 'confirm', title: t('message.deleteTitle'), text: t('message.deleteText'), action: t('message.delete'), danger: true,
    run: async () => void (await deleteMessage(message)),
  })
}

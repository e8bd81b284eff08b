import { t } from '../../i18n'
import type { Message } from '../../protocol/types'
import { mergeReactions } from '../../store/message'
import { toggleReaction } from '../../store/marks'
import { nameOf } from '../../store/select'
import { useChat } from '../../store/store'
import { useMayWrite } from '../chat/useGate'
import { Emoji } from '../emoji/Emoji'

/** Who reacted, and how: each is a switch for one's own. */
export function Reactions({ message }: { message: Message }) {
  const me = useChat((s) => s.me.id)
  const people = useChat((s) => s.people)
  const write = useMayWrite(message.room)
  const most = 12
  return (
    <div className="reactions">
      {mergeReactions(message.reactions!).map(({ emoji, users }) => {
        const names = users.slice(0, most).map((id) => nameOf({ people }, id))
        const who = users.length > most ? t('message.reactedMore', { names: names.join(', '), count: users.length - most }) : names.join(', ')
        return (
          <button
            key={emoji}
            className="reaction"
            aria-pressed={users.includes(me)}
            aria-label={t('message.reacted', { emoji, names: who })}
            title={who}
            aria-disabled={!write || undefined}
            onClick={() => void (write && toggleReaction(message, emoji))}
          >
            <span aria-hidden="true">
              <Emoji emoji={emoji} />
            </span>
            <span aria-hidden="true">{users.length}</span>
          </button>
        )
      })}
    </div>
  )
}

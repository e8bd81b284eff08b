import { t } from '../../i18n'
import type { UserStatus } from '../../protocol/types'
import { statusOf } from '../../store/person'
import { personOf } from '../../store/select'
import { useChat } from '../../store/store'
import { Emoji } from '../emoji/Emoji'
import { useBefore } from '../kit/hooks'
import { momentName } from '../kit/time'

/** Somebody's status while it lasts. */
export function useStatus(user: string): UserStatus | undefined {
  const person = useChat((s) => personOf(s, user))
  useBefore(person?.status?.until)
  return statusOf(person, Date.now())
}

/** Until when somebody does not want to be disturbed; undefined if they do not mind. */
export function useQuiet(user: string): string | undefined {
  const until = useChat((s) => personOf(s, user)?.quiet_until)
  return useBefore(until) ? until : undefined
}

const plain = '💬' // where somebody has chosen no emoji

/** Beside a name: the emoji of the status, and for readers all that is to be known. */
export function StatusMark({ user }: { user: string }) {
  const status = useStatus(user)
  const quiet = useQuiet(user) !== undefined
  if (!status && !quiet) return null
  return (
    <>
      {' ' /* between the name and it */}
      {status && (
        <span className="status-mark" title={status.text} aria-hidden="true">
          <Emoji emoji={status.emoji || plain} />
        </span>
      )}
      <span className="visually-hidden">
        {[status && `${status.emoji ?? ''} ${status.text ?? ''}`.trim(), quiet && t('quiet.inside')].filter(Boolean).map((said) => `, ${said as string}`).join('')}
      </span>
    </>
  )
}

/** The status as a line of text. */
export function StatusLine({ user, until = false }: { user: string; until?: boolean }) {
  const status = useStatus(user)
  if (!status) return null
  return (
    <span className={until ? 'status-line whole' : 'status-line'}>
      {status.emoji && <span className="status-mark"><Emoji emoji={status.emoji} /></span>}
      <bdi>{status.text}</bdi>
      {until && status.until && <small>{t('status.until', { time: momentName(status.until, Date.now()) })}</small>}
    </span>
  )
}

import { CloudOff, LoaderCircle, TriangleAlert } from 'lucide-react'
import { useEffect, useState } from 'react'
import { formatNumber, t } from '../../i18n'
import { reconnect } from '../../store/actions'
import { cannotSave } from '../../store/degraded'
import { atLeast } from '../../store/select'
import { useApp } from '../../store/store'
import { useNow } from '../kit/hooks'

/** A connection that is back sooner than this was never missed, in ms. */
const shortest = 1_000

/** Says that the connection is gone, or that the server saves nothing, and what that means. Nothing while all is well. */
export function ConnectionBar() {
  const status = useApp((a) => a.status)
  const waiting = useApp((a) => a.outbox.some((i) => i.state === 'pending'))
  const admin = useApp((a) => a.chat !== null && atLeast(a.chat.me, 'admin'))
  const gone = status.kind === 'reconnecting' || status.kind === 'offline'
  const [long, setLong] = useState(false)
  useEffect(() => {
    setLong(false)
    if (!gone) return
    const timer = setTimeout(() => setLong(true), shortest)
    return () => clearTimeout(timer)
  }, [gone])
  const away = gone && long
  const unsaved = useApp((a) => cannotSave(a.info)) && !away
  return (
    <div role="status" className="connection-slot">
      {away && (
        <div className="connection">
          {status.kind === 'offline' ? <CloudOff size={15} aria-hidden /> : <LoaderCircle size={15} className="spin" aria-hidden />}
          <span>
            {status.kind === 'offline' ? t('connection.offline') : status.blocked ? t(admin ? 'app.blockedAdmin' : 'app.blocked') : t('connection.lost')}{' '}
            {waiting ? t('connection.kept') : t('connection.goOn')}
          </span>
          {status.kind === 'reconnecting' && <Countdown at={status.at} />}
          <button className="link" onClick={reconnect}>
            {t('connection.tryNow')}
          </button>
        </div>
      )}
      {unsaved && (
        <div className="connection">
          <TriangleAlert size={15} aria-hidden />
          <span>{t('connection.unsaved')}</span>
        </div>
      )}
    </div>
  )
}

function Countdown({ at }: { at: number }) {
  const now = useNow(500)
  const seconds = Math.ceil((at - now) / 1000)
  return <span className="connection-wait" aria-hidden>{seconds > 0 ? t('connection.next', { seconds: formatNumber(seconds) }) : t('connection.trying')}</span>
}

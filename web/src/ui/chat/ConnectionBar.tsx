import { CloudOff, LoaderCircle } from 'lucide-react'
import { useEffect, useState } from 'react'
import { reconnect } from '../../store/actions'
import { useApp } from '../../store/store'
import { useNow } from '../kit/hooks'

export const blockedText =
  'The server answers, but live connections do not get through. Behind a proxy, it has to pass WebSockets on and the server has to know its --public-url.'

/** A connection that is back sooner than this was never missed, in ms. */
const shortest = 1_000

/** Says that the connection is gone, and what that means. Nothing while all is well. */
export function ConnectionBar() {
  const status = useApp((a) => a.status)
  const waiting = useApp((a) => a.outbox.some((i) => i.state === 'pending'))
  const gone = status.kind === 'reconnecting' || status.kind === 'offline'
  const [long, setLong] = useState(false)
  useEffect(() => {
    setLong(false)
    if (!gone) return
    const timer = setTimeout(() => setLong(true), shortest)
    return () => clearTimeout(timer)
  }, [gone])
  const away = gone && long
  return (
    <div role="status" className="connection-slot">
      {away && (
        <div className="connection">
          {status.kind === 'offline' ? <CloudOff size={15} aria-hidden /> : <LoaderCircle size={15} className="spin" aria-hidden />}
          <span>
            {status.kind === 'offline' ? 'You are offline.' : status.blocked ? blockedText : 'Connection lost.'}{' '}
            {waiting ? 'Your messages are kept here and go out when it is back.' : 'You can go on writing.'}
          </span>
          {status.kind === 'reconnecting' && <Countdown at={status.at} />}
          <button className="link" onClick={reconnect}>
            Try now
          </button>
        </div>
      )}
    </div>
  )
}

function Countdown({ at }: { at: number }) {
  const now = useNow(500)
  const seconds = Math.ceil((at - now) / 1000)
  return <span className="connection-wait" aria-hidden>{seconds > 0 ? `Next try in ${seconds} s` : 'Trying…'}</span>
}

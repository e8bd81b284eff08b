import { useEffect } from 'react'
import { boot } from '../store/actions'
import { useApp } from '../store/store'
import { blockedText } from './chat/ConnectionBar'
import { Gate } from './auth/Gate'
import { Shell } from './chat/Shell'
import { Mark } from './kit/Mark'
import { Toast } from './kit/Toast'

/** The whole client: one of four screens. */
export function App() {
  const screen = useApp((a) => a.screen)
  const synced = useApp((a) => a.chat !== null)
  useEffect(() => void boot(), [])
  return (
    <>
      {screen === 'signed-out' ? <Gate /> : screen === 'unreachable' ? <Unreachable /> : synced ? <Shell /> : <Splash />}
      <Toast />
    </>
  )
}

function Splash() {
  const status = useApp((a) => a.status)
  return (
    <main className="splash">
      <Mark size={56} />
      <p role="status">
        {status.kind === 'reconnecting' && status.blocked ? blockedText : status.kind === 'reconnecting' || status.kind === 'offline' ? 'Waiting for the server…' : 'Opening…'}
      </p>
    </main>
  )
}

function Unreachable() {
  const reason = useApp((a) => a.reason)
  useEffect(() => {
    const timer = setInterval(() => void boot(), 5_000)
    return () => clearInterval(timer)
  }, [])
  return (
    <main className="splash">
      <Mark size={56} />
      <h1>The server cannot be reached</h1>
      <p role="alert">{reason}</p>
      <button className="button primary" onClick={() => void boot()}>
        Try again
      </button>
    </main>
  )
}

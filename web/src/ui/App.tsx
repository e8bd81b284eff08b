import { type ComponentType, Fragment, lazy, Suspense, useEffect, useState } from 'react'
import { t, useLanguage } from '../i18n'
import { boot } from '../store/actions'
import { useApp } from '../store/store'
import { Gate } from './auth/Gate'
import { loadChat, wasHere } from './chat/part'
import { Mark } from './kit/Mark'
import { Toasts } from './kit/Toast'

const Enrol = lazy(() => import('./auth/Enrol').then((m) => ({ default: m.Enrol })))

/** The whole client: one of five screens. */
export function App() {
  const screen = useApp((a) => a.screen)
  const language = useLanguage((l) => l.language)
  useEffect(() => void boot(), [])
  return (
    <Fragment key={language}>
      {screen === 'signed-out' ? (
        <Gate />
      ) : screen === 'enrol' ? (
        <Suspense fallback={<Splash />}>
          <Enrol />
        </Suspense>
      ) : screen === 'unreachable' ? (
        <Unreachable />
      ) : (
        <Chat loads={screen === 'chat' || wasHere()} />
      )}
      <Toasts />
    </Fragment>
  )
}

/** The chat, once it is loaded and there is something to show. */
function Chat({ loads }: { loads: boolean }) {
  const synced = useApp((a) => a.chat !== null)
  const [Shell, setShell] = useState<ComponentType | null>(null)
  const [failed, setFailed] = useState(false)
  const load = () => {
    setFailed(false)
    loadChat().then(
      (shell) => setShell(() => shell),
      () => setFailed(true), // no connection, or the server has a newer client
    )
  }
  useEffect(() => {
    if (loads) load()
  }, [loads])
  if (Shell && synced) return <Shell />
  return failed ? <PartFailed again={load} /> : <Splash />
}

/** What is shown before anything is known: what index.html paints before this script has run. */
function Splash() {
  const status = useApp((a) => a.status)
  const waits = status.kind === 'reconnecting' || status.kind === 'offline'
  return (
    <main className="splash">
      <Mark size={56} />
      <p role="status">{status.kind === 'reconnecting' && status.blocked ? t('app.blocked') : t(waits ? 'app.needsServer' : 'app.opening')}</p>
    </main>
  )
}

function PartFailed({ again }: { again: () => void }) {
  return (
    <main className="splash">
      <Mark size={56} />
      <p role="alert">{t('app.partFailed')}</p>
      <button className="button primary" onClick={again}>
        {t('app.tryAgain')}
      </button>
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
      <h1>{t('app.unreachable')}</h1>
      <p role="alert">{reason}</p>
      <button className="button primary" onClick={() => void boot()}>
        {t('app.tryAgain')}
      </button>
    </main>
  )
}

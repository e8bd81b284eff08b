import { Fragment, useEffect } from 'react'
import { t, useLanguage } from '../i18n'
import { boot } from '../store/actions'
import { useApp } from '../store/store'
import { Gate } from './auth/Gate'
import { Shell } from './chat/Shell'
import { Mark } from './kit/Mark'
import { Toasts } from './kit/Toast'

/** The whole client: one of four screens. */
export function App() {
  const screen = useApp((a) => a.screen)
  const synced = useApp((a) => a.chat !== null)
  const language = useLanguage((l) => l.language)
  useEffect(() => void boot(), [])
  return (
    <Fragment key={language}>
      {screen === 'signed-out' ? <Gate /> : screen === 'unreachable' ? <Unreachable /> : synced ? <Shell /> : <Splash />}
      <Toasts />
    </Fragment>
  )
}

function Splash() {
  const status = useApp((a) => a.status)
  return (
    <main className="splash">
      <Mark size={56} />
      <p role="status">
        {status.kind === 'reconnecting' && status.blocked
          ? t('app.blocked')
          : status.kind === 'reconnecting' || status.kind === 'offline'
            ? t('app.needsServer')
            : t('app.opening')}
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
      <h1>{t('app.unreachable')}</h1>
      <p role="alert">{reason}</p>
      <button className="button primary" onClick={() => void boot()}>
        {t('app.tryAgain')}
      </button>
    </main>
  )
}

import { useEffect, useState } from 'react'
import { logIn, signUp } from '../../store/actions'
import { useApp } from '../../store/store'
import { Fault, Field, useSubmit } from '../kit/Form'
import { Mark } from '../kit/Mark'

/** The code in the address: of an invite, or of the one-time link that makes the first owner. */
function codeInAddress(): { kind: 'invite' | 'setup'; code: string } | null {
  const match = /^#(invite|setup)=([^&]+)$/.exec(location.hash)
  return match ? { kind: match[1] as 'invite' | 'setup', code: decodeURIComponent(match[2]!) } : null
}

/** Everything before the chat: set-up, sign-up and log-in. */
export function Gate() {
  const info = useApp((a) => a.info)
  const reason = useApp((a) => a.reason)
  const [code, setCode] = useState(codeInAddress)
  const [mode, setMode] = useState<'log-in' | 'sign-up'>(code ? 'sign-up' : 'log-in')
  useEffect(() => {
    const read = () => {
      const found = codeInAddress()
      setCode(found)
      if (found) setMode('sign-up')
    }
    window.addEventListener('hashchange', read)
    return () => window.removeEventListener('hashchange', read)
  }, [])
  if (!info) return null
  const setup = code?.kind === 'setup'
  const needsLink = info.needs_setup && !code
  const title = setup ? 'Set up your server' : mode === 'sign-up' ? `Join ${info.name}` : `Log in to ${info.name}`
  return (
    <main className="gate">
      <div className="gate-card">
        <Mark size={48} />
        <h1>{title}</h1>
        {reason && mode === 'log-in' && (
          <p className="gate-note" role="status">
            {reason}
          </p>
        )}
        {setup && <p className="gate-note">Choose a name and a password. You will be the owner: you invite people and decide who does what.</p>}
        {needsLink && (
          <p className="gate-note">Nobody owns this server yet. Its owner opens the one-time link that the server printed when it started.</p>
        )}
        {mode === 'log-in' ? <LogIn /> : <SignUp code={code?.code} closed={!code && info.sign_up !== 'open'} setup={setup} />}
        <p className="gate-foot">
          {mode === 'log-in' ? (
            <>
              New here?{' '}
              <button type="button" className="link" onClick={() => setMode('sign-up')}>
                Create an account
              </button>
            </>
          ) : (
            !setup && (
              <>
                Have an account?{' '}
                <button type="button" className="link" onClick={() => setMode('log-in')}>
                  Log in
                </button>
              </>
            )
          )}
        </p>
      </div>
    </main>
  )
}

function LogIn() {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const { busy, submit, at, elsewhere } = useSubmit(() => logIn(name, password))
  return (
    <form onSubmit={submit}>
      <Field label="Name" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus value={name}
        onChange={(e) => setName(e.target.value)} error={at('name')} />
      <Field label="Password" type="password" autoComplete="current-password" required value={password}
        onChange={(e) => setPassword(e.target.value)} error={at('password')} />
      <Fault text={elsewhere('name', 'password')} />
      <button className="button primary full" disabled={busy}>
        {busy ? 'Logging in…' : 'Log in'}
      </button>
    </form>
  )
}

function SignUp({ code, closed, setup }: { code?: string; closed: boolean; setup: boolean }) {
  const limits = useApp((a) => a.info!.limits)
  const signUpBy = useApp((a) => a.info!.sign_up)
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const { busy, submit, at, elsewhere } = useSubmit(() => signUp(name, password, code))
  if (closed) {
    return (
      <p className="gate-note">
        {signUpBy === 'invite'
          ? 'One joins this server by invite. Ask somebody there for a link.'
          : 'Sign-up is closed on this server. Its operator adds people.'}
      </p>
    )
  }
  const short = password.length > 0 && Array.from(password).length < limits.password_min
  return (
    <form onSubmit={submit}>
      <Field label="Name" autoComplete="username" spellCheck={false} required autoFocus maxLength={limits.name} value={name}
        onChange={(e) => setName(e.target.value)} error={at('name')} hint="As others will see you." />
      <Field label="Password" type="password" autoComplete="new-password" required value={password} onChange={(e) => setPassword(e.target.value)}
        error={at('password')} hint={`At least ${limits.password_min} characters. A few words make a good one.`} />
      <Fault text={elsewhere('name', 'password')} />
      <button className="button primary full" disabled={busy || short}>
        {busy ? 'One moment…' : setup ? 'Create the owner’s account' : 'Create account'}
      </button>
    </form>
  )
}

import { useEffect, useState } from 'react'
import { formatList, t } from '../../i18n'
import { ApiError } from '../../protocol/error'
import { rest } from '../../protocol/rest'
import type { ShownInvite } from '../../protocol/types'
import { logIn, logInByLink, signUp } from '../../store/actions'
import { useApp } from '../../store/store'
import { loadChat } from '../chat/part'
import { Fault, Field, useSubmit } from '../kit/Form'
import { Mark } from '../kit/Mark'
import { PasskeyLogIn } from './PasskeyButton'
import { Providers } from './Providers'
import { Forgot, Reset } from './Reset'
import { useLogIn } from './useLogIn'

type Kind = 'invite' | 'setup' | 'link' | 'reset'

/** The code in the address: of an invite, of the one-time link that makes the first owner, of one that logs its person in, or of one that sets a new password. */
function codeInAddress(): { kind: Kind; code: string } | null {
  const match = /^#(invite|setup|link|reset)=([^&]+)$/.exec(location.hash)
  return match ? { kind: match[1] as Kind, code: decodeURIComponent(match[2]!) } : null
}

/** Whoever begins to write is about to come in: the chat is loaded meanwhile. */
const ahead = () => void loadChat().catch(() => {})

/** Everything before the chat: set-up, sign-up and log-in. */
export function Gate() {
  const info = useApp((a) => a.info)
  const reason = useApp((a) => a.reason)
  const [code, setCode] = useState(codeInAddress)
  const [mode, setMode] = useState<Mode>(modeOf(code?.kind))
  useEffect(() => {
    const read = () => {
      const found = codeInAddress()
      setCode(found)
      if (found) setMode(modeOf(found.kind))
    }
    window.addEventListener('hashchange', read)
    return () => window.removeEventListener('hashchange', read)
  }, [])
  if (!info) return null
  if (info.external) return <Elsewhere name={info.name} page={info.log_in} reason={reason} />
  const setup = code?.kind === 'setup'
  const needsLink = info.needs_setup === true && !code && !info.no_passwords
  const linked = code?.kind === 'link' || code?.kind === 'reset'
  const resets = mode === 'forgot' || code?.kind === 'reset'
  const providers = setup || linked || resets ? [] : (info.providers ?? [])
  const passwords = !info.no_passwords || setup
  const title = setup ? t('gate.setUp') : resets ? t('gate.newPassword') : t(mode === 'sign-up' ? 'gate.join' : 'gate.logInTo', { server: info.name })
  return (
    <main className="gate">
      <div className="gate-card" onInput={ahead}>
        <Mark size={48} />
        <h1>{title}</h1>
        {reason && mode === 'log-in' && (
          <p className="gate-note" role="status">
            {reason}
          </p>
        )}
        {setup && <p className="gate-note">{t('gate.setUpNote')}</p>}
        {code?.kind === 'invite' && mode === 'sign-up' && <InvitedBy code={code.code} server={info.name} />}
        {needsLink && (
          <p className="gate-note">{t('gate.needsLink')}</p>
        )}
        {providers.length > 0 && !needsLink && <Providers all={providers} alone={!passwords} />}
        {code?.kind === 'link' ? <Link code={code.code} /> : code?.kind === 'reset' ? <Reset code={code.code} /> : needsLink || !passwords ? null : mode === 'log-in' ? <LogIn forgot={info.mail ? () => setMode('forgot') : undefined} /> : mode === 'forgot' ? <Forgot /> : <SignUp code={code?.code} closed={!code && info.sign_up !== 'open'} setup={setup} />}
        <p className="gate-foot" hidden={needsLink || !passwords || linked}>
          {mode === 'log-in' ? (
            <>
              {t('gate.newHere')}{' '}
              <button type="button" className="link" onClick={() => setMode('sign-up')}>
                {t('gate.createAccount')}
              </button>
            </>
          ) : (
            !setup && (
              <>
                {mode === 'sign-up' && `${t('gate.haveAccount')} `}
                <button type="button" className="link" onClick={() => setMode('log-in')}>
                  {t('gate.logIn')}
                </button>
              </>
            )
          )}
        </p>
      </div>
    </main>
  )
}

type Mode = 'log-in' | 'sign-up' | 'forgot'

/** Where a code leads. */
const modeOf = (kind?: Kind): Mode => (kind === 'invite' || kind === 'setup' ? 'sign-up' : 'log-in')

/** Where another program logs people in. */
function Elsewhere({ name, page, reason }: { name: string; page?: string; reason: string | null }) {
  return (
    <main className="gate">
      <div className="gate-card">
        <Mark size={48} />
        <h1>{t('gate.logInTo', { server: name })}</h1>
        {reason && (
          <p className="gate-note" role="status">
            {reason}
          </p>
        )}
        {page ? (
          <a className="button primary full" href={page}>
            {t('gate.logIn')}
          </a>
        ) : (
          <p className="gate-note">{t('gate.elsewhere', { site: location.host })}</p>
        )}
      </div>
    </main>
  )
}

/** Who invites to what. */
function InvitedBy({ code, server }: { code: string; server: string }) {
  const [shown, setShown] = useState<ShownInvite | null>(null)
  useEffect(() => {
    rest.showInvite(code).then(setShown, () => setShown(null)) // signing up says what is wrong
  }, [code])
  if (!shown) return null
  return (
    <p className="gate-note">
      {shown.by ? t('gate.invitedBy', { name: shown.by, server }) : t('gate.invited', { server })}
      {shown.rooms.length > 0 && ` ${t('gate.invitedTo', { rooms: formatList(shown.rooms) })}`}
    </p>
  )
}

/** What the operator's link leads to: it works once, so one has to want it. */
function Link({ code }: { code: string }) {
  const { busy, submit, elsewhere, asked, field } = useLogIn((factor, passkey) => logInByLink(code, factor, passkey))
  return (
    <form onSubmit={submit}>
      {field}
      <Fault text={elsewhere(...(asked ? ['code'] : []))} />
      <button className="button primary full" disabled={busy}>
        {busy ? t('gate.loggingIn') : t('gate.logIn')}
      </button>
    </form>
  )
}

function LogIn({ forgot }: { forgot?: () => void }) {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const { busy, submit, at, elsewhere, asked, back, field } = useLogIn((code, passkey) => logIn(name, password, code, passkey))
  return (
    <form onSubmit={submit}>
      <div hidden={asked}>
        <Field label={t('gate.name')} autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus value={name}
          onChange={(e) => setName(e.target.value)} error={at('name')} />
        <Field label={t('gate.password')} type="password" autoComplete="current-password" required value={password}
          onChange={(e) => setPassword(e.target.value)} error={at('password')} />
      </div>
      {field}
      <Fault text={elsewhere('name', 'password', ...(asked ? ['code'] : []))} />
      <button className="button primary full" disabled={busy}>
        {busy ? t('gate.loggingIn') : t('gate.logIn')}
      </button>
      {!asked && <PasskeyLogIn />}
      {(asked || forgot) && (
        <p className="gate-foot">
          <button type="button" className="link" onClick={asked ? back : forgot}>
            {t(asked ? 'app.back' : 'gate.forgot')}
          </button>
        </p>
      )}
    </form>
  )
}

function SignUp({ code, closed, setup }: { code?: string; closed: boolean; setup: boolean }) {
  const limits = useApp((a) => a.info!.limits)
  const signUpBy = useApp((a) => a.info!.sign_up)
  const [team, setTeam] = useState('')
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const { busy, submit, at, elsewhere } = useSubmit(() => {
    const fewest = limits.password_min
    return Array.from(password).length < fewest ? Promise.reject(new ApiError('invalid', '', { field: 'password', text: 'gate.tooShort' })) : signUp(name, password, code, setup ? team.trim() : '')
  })
  if (closed) {
    return (
      <p className="gate-note">
        {signUpBy === 'invite'
          ? t('gate.byInvite')
          : t('gate.closed')}
      </p>
    )
  }
  return (
    <form onSubmit={submit}>
      {setup && <Field label={t('gate.team')} autoComplete="organization" required autoFocus maxLength={limits.name} value={team} onChange={(e) => setTeam(e.target.value)} hint={t('gate.teamHint')} />}
      <Field label={t(setup ? 'gate.yourName' : 'gate.name')} autoComplete="username" spellCheck={false} required autoFocus={!setup} maxLength={limits.name} value={name}
        onChange={(e) => setName(e.target.value)} error={at('name')} hint={t('gate.nameHint')} />
      <Field label={t('gate.password')} type="password" autoComplete="new-password" required value={password} onChange={(e) => setPassword(e.target.value)}
        error={at('password')} hint={t('gate.passwordHint', { count: limits.password_min })} />
      <Fault text={elsewhere('name', 'password')} />
      <button className="button primary full" disabled={busy}>
        {busy ? t('gate.wait') : setup ? t('gate.createOwner') : t('gate.create')}
      </button>
    </form>
  )
}

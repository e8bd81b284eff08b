import { useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import type { Mail } from '../../protocol/types'
import { call } from '../../store/actions'
import { changeOf, mailed } from '../../store/mail'
import { toast } from '../../store/store'
import { Fault, Field, useSubmit } from '../kit/Form'
import { Switch } from '../kit/Switch'

/** One's mail; null until it is known. It is asked for again when the page is back in sight: the link may have been followed meanwhile. */
function useMail(): [Mail | null, (mail: Mail) => void] {
  const [mail, setMail] = useState<Mail | null>(null)
  useEffect(() => {
    const refresh = () => {
      if (!document.hidden) call('mail.get', {}).then(setMail, () => {})
    }
    refresh()
    document.addEventListener('visibilitychange', refresh)
    return () => document.removeEventListener('visibilitychange', refresh)
  }, [])
  return [mail, setMail]
}

/** One's mail address, where the server sends mail. */
export function MailAddress() {
  const [mail, setMail] = useMail()
  if (!mail?.enabled) return null
  return (
    <section aria-labelledby="account-mail">
      <h2 id="account-mail">{t('mail.title')}</h2>
      <p className="muted">{t('mail.text')}</p>
      <div role="status">
        <ul className="lines">
          {mail.address && <Line address={mail.address} tag={t('mail.confirmed')} />}
          {mail.pending && <Line address={mail.pending} tag={t('mail.waiting')} hint={t('mail.waitingHint')} />}
        </ul>
        {!mail.address && !mail.pending && <p className="list-empty">{t('mail.none')}</p>}
        {mail.error && <p className="fault">{t('mail.failed', { reason: mail.error })}</p>}
      </div>
      <AddressForm mail={mail} onChange={setMail} />
    </section>
  )
}

function Line({ address, tag, hint }: { address: string; tag: string; hint?: string }) {
  return (
    <li>
      <span className="lines-text">
        <b>
          <bdi>{address}</bdi>
        </b>
        {hint && <small>{hint}</small>}
      </span>
      <span className="tag">{tag}</span>
    </li>
  )
}

function AddressForm({ mail, onChange }: { mail: Mail; onChange: (mail: Mail) => void }) {
  const [typed, setTyped] = useState<string | null>(null) // while it is written
  const next = useRef('')
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    const address = next.current
    const now = await call('mail.set', { address })
    onChange(now)
    setTyped(null)
    if (!address) toast(t('mail.removed'))
    else if (now.pending) toast(t('mail.sent', { address }))
  })
  const set = (address: string) => {
    next.current = address
    void submit()
  }
  const shown = typed ?? mail.pending ?? mail.address ?? ''
  const change = changeOf(mail, shown.trim())
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault()
        set(shown.trim())
      }}
    >
      <Field label={t('mail.title')} inputMode="email" autoComplete="email" autoCapitalize="none" spellCheck={false} dir="ltr" value={shown} onChange={(e) => setTyped(e.target.value)} error={at('address')} />
      <Fault text={elsewhere('address')} />
      <div className="form-actions">
        <button className="button primary" disabled={busy || !change}>
          {t(`mail.${change ?? 'send'}`)}
        </button>
        {(mail.address || mail.pending) && (
          <button type="button" className="button" disabled={busy} onClick={() => set('')}>
            {t('mail.remove')}
          </button>
        )}
      </div>
    </form>
  )
}

/** Whether what one missed is mailed, where there is an address for it. */
export function MailMissed() {
  const [mail, setMail] = useMail()
  if (!mailed(mail)) return null
  return (
    <fieldset className="choices">
      <legend>{t('mail.by')}</legend>
      <Switch label={t('mail.notify')} hint={t('mail.notifyHint', { count: mail.minutes, address: mail.address })} on={mail.notify} set={(notify) => call('mail.update', { notify }).then(setMail)} />
    </fieldset>
  )
}

import { useEffect, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Passkey } from '../../protocol/types'
import { call } from '../../store/actions'
import { hasPasskeys, makePasskey } from '../../store/passkey'
import { toast, useChat } from '../../store/store'
import { RecoveryCodes } from '../auth/NewFactor'
import { openDialog } from '../dialogs/open'
import { Fault, Field, useSubmit } from '../kit/Form'
import { useNow } from '../kit/hooks'
import { ago, dateWithYear } from '../kit/time'
import { deviceName } from './Sessions'

/** The keys with which one logs in without a password. changed is called when another second factor may be the last. */
export function Passkeys({ changed }: { changed: () => void }) {
  const [all, setAll] = useState<Passkey[] | null>(null)
  const [fault, setFault] = useState<string>()
  const [codes, setCodes] = useState<string[] | null>(null)
  const [renames, setRenames] = useState('')
  const now = useNow(60_000)
  const failed = (err: unknown) => setFault(explain(err))
  const refresh = () => call('passkey.list', {}).then((r) => setAll(r.passkeys), failed)
  useEffect(() => void refresh(), [])
  const { busy, submit, elsewhere } = useSubmit(async () => {
    const passkey = await makePasskey(await call('passkey.begin', {}))
    const { recovery } = await call('passkey.finish', { name: deviceName(navigator.userAgent), passkey })
    if (recovery.length > 0) setCodes(recovery)
    else toast(t('passkey.added'))
    await refresh()
    changed()
  })
  const remove = ({ id, name }: Passkey) =>
    openDialog({
      kind: 'confirm', title: t('passkey.removeTitle', { name }), text: t('passkey.removeText'), action: t('passkey.remove'), danger: true,
      run: async () => {
        await call('passkey.delete', { passkey: id })
        toast(t('passkey.removed'))
        void refresh()
        changed()
      },
    })
  if (!hasPasskeys() && !all?.length) return null
  return (
    <section aria-labelledby="account-passkeys">
      <h2 id="account-passkeys">{t('passkey.title')}</h2>
      <p className="muted">{t('passkey.text')}</p>
      <ul className="lines">
        {all?.map((k) =>
          renames === k.id ? (
            <li key={k.id}>
              <Rename passkey={k} done={() => (setRenames(''), void refresh())} />
            </li>
          ) : (
            <li key={k.id}>
              <span className="lines-text">
                <b dir="auto">{k.name}</b>
                <small>{t(k.used_at ? 'passkey.used' : 'passkey.unused', { date: dateWithYear(k.created_at), ago: k.used_at ? ago(k.used_at, now) : '' })}</small>
              </span>
              <button className="button" aria-label={t('passkey.renameOf', { name: k.name })} onClick={() => setRenames(k.id)}>
                {t('passkey.rename')}
              </button>
              <button className="button" aria-label={t('passkey.removeOf', { name: k.name })} onClick={() => remove(k)}>
                {t('passkey.remove')}
              </button>
            </li>
          ),
        )}
      </ul>
      <Fault text={fault ?? elsewhere()} />
      {codes ? (
        <RecoveryCodes codes={codes} done={() => setCodes(null)} />
      ) : (
        hasPasskeys() && (
          <div className="form-actions">
            <button className="button" disabled={busy || !all} onClick={() => void submit()}>
              {t('passkey.add')}
            </button>
          </div>
        )
      )}
    </section>
  )
}

function Rename({ passkey, done }: { passkey: Passkey; done: () => void }) {
  const longest = useChat((s) => s.limits.name)
  const [name, setName] = useState(passkey.name)
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    await call('passkey.rename', { passkey: passkey.id, name: name.trim() })
    done()
  })
  return (
    <form className="lines-text" onSubmit={submit}>
      <Field label={t('passkey.name')} value={name} maxLength={longest} required autoFocus autoComplete="off" dir="auto" onChange={(e) => setName(e.target.value)} error={at('name')} />
      <Fault text={elsewhere('name')} />
      <div className="form-actions">
        <button type="button" className="button" onClick={done}>
          {t('app.cancel')}
        </button>
        <button className="button primary" disabled={busy || !name.trim()}>
          {t('app.save')}
        </button>
      </div>
    </form>
  )
}

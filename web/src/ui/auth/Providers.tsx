import { useEffect, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import { beginLogIn, failedLogIn, problemText } from '../../protocol/provider'
import type { Provider } from '../../protocol/types'
import { Fault } from '../kit/Form'

/** Where one logs in without a password of this server, and why the last time did not work. */
export function Providers({ all, alone }: { all: Provider[]; alone: boolean }) {
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState(() => {
    const failed = failedLogIn(location.hash)
    const provider = all.find((p) => p.id === failed?.provider)
    return failed && provider ? problemText(failed.problem, provider.name) : undefined
  })
  useEffect(() => {
    if (failedLogIn(location.hash)) history.replaceState(null, '', location.pathname) // it is said once
  }, [])
  const go = async ({ id, name }: Provider) => {
    setBusy(true)
    setFault(undefined)
    try {
      const { url, problem } = await beginLogIn(id, location.hash.startsWith('#/') ? location.hash : '')
      if (url) return location.assign(url)
      setFault(problemText(problem, name))
    } catch (err) {
      setFault(explain(err))
    }
    setBusy(false)
  }
  return (
    <div className="gate-providers">
      {all.map((p) => (
        <button key={p.id} type="button" className="button full" disabled={busy} onClick={() => void go(p)}>
          {t('gate.with', { provider: p.name })}
        </button>
      ))}
      <Fault text={fault} />
      {!alone && <p className="gate-or">{t('gate.or')}</p>}
    </div>
  )
}

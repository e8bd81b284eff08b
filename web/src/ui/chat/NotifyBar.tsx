import { BellRing } from 'lucide-react'
import { t } from '../../i18n'
import { setNotify } from '../../notify/notify'
import { pushPossible, subscribe } from '../../notify/push'
import { asked, useAsk } from '../../notify/ask'
import { ApiError, explain } from '../../protocol/error'
import { call } from '../../store/actions'
import { toast, useChat } from '../../store/store'

/** Asks once, when somebody has first written to this person, whether this browser may notify them. */
export function NotifyBar() {
  const wanted = useAsk((a) => a.wanted)
  const me = useChat((s) => s.me.id)
  const turnOn = async () => {
    asked()
    try {
      const { key } = pushPossible() ? await call('push.get', {}) : {}
      const on = key ? await subscribe(me, key) : (await setNotify(true)) === 'on'
      if (on) toast(t('ask.done'))
    } catch (err) {
      toast(err instanceof ApiError ? explain(err) : t('push.refused'))
    }
  }
  return (
    <div role="status" className="connection-slot">
      {wanted && (
        <div className="connection news">
          <BellRing size={15} aria-hidden />
          <span>{t('ask.text')}</span>
          <button className="link" onClick={() => void turnOn()}>
            {t('ask.yes')}
          </button>
          <button className="link" onClick={asked}>
            {t('ask.no')}
          </button>
        </div>
      )}
    </div>
  )
}

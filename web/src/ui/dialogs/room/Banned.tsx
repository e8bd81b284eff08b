import { useEffect, useRef, useState } from 'react'
import { t } from '../../../i18n'
import { explain } from '../../../protocol/error'
import type { Ban } from '../../../protocol/types'
import { call } from '../../../store/actions'
import { nameOf } from '../../../store/select'
import { useChat } from '../../../store/store'
import { Avatar } from '../../kit/Avatar'
import { dateWithYear, momentName } from '../../kit/time'

/** Who may not come into a room. */
export function Banned({ room }: { room: string }) {
  const chat = useChat((s) => s)
  const [bans, setBans] = useState<Ban[] | null>(null)
  const [fault, setFault] = useState<string | null>(null)
  const text = useRef<HTMLParagraphElement>(null)
  const refresh = () => call('ban.list', { room }).then((r) => setBans(r.bans), (err: unknown) => setFault(explain(err)))
  useEffect(() => void refresh(), [])
  const lift = async (user: string) => {
    setFault(null)
    try {
      await call('ban.lift', { room, user })
      await refresh()
      text.current?.focus() // the button went with its line
    } catch (err) {
      setFault(explain(err))
    }
  }
  return (
    <>
      <p ref={text} tabIndex={-1} className="dialog-text">
        {t('bans.text')}
      </p>
      <div role="alert">{fault && <p className="fault">{fault}</p>}</div>
      {bans === null && !fault && <p className="list-empty">{t('app.loading')}</p>}
      {bans?.length === 0 && <p className="list-empty">{t('bans.none')}</p>}
      <ul className="lines">
        {bans?.map((b) => {
          const name = nameOf(chat, b.user)
          return (
            <li key={b.user}>
              <Avatar id={b.user} name={name} size="small" />
              <span className="lines-text">
                <b>
                  <bdi>{name}</bdi>
                </b>
                {b.reason && (
                  <small>
                    <bdi>{b.reason}</bdi>
                  </small>
                )}
                <small>
                  {t(b.by === chat.me.id ? 'hooks.byYou' : 'hooks.by', { name: nameOf(chat, b.by), date: dateWithYear(b.at) })} ·{' '}
                  {b.until ? t('bans.until', { time: momentName(b.until, Date.now()) }) : t('bans.forGood')}
                </small>
              </span>
              <button className="button" aria-label={t('bans.liftOne', { name })} onClick={() => void lift(b.user)}>
                {t('bans.lift')}
              </button>
            </li>
          )
        })}
      </ul>
    </>
  )
}

import { useRef } from 'react'
import { t } from '../../i18n'
import { rest } from '../../protocol/rest'
import { arrive, logOut } from '../../store/actions'
import { Mark } from '../kit/Mark'
import { NewFactor } from './NewFactor'

/** Before the chat, for those who need a second factor and have none. In a file of its own, as few see it. */
export function Enrol() {
  const session = useRef<Parameters<typeof arrive>[0]>(undefined)
  const confirm = async (code: string) => {
    const out = await rest.confirmFactor(code)
    session.current = out.logged_in
    return out
  }
  return (
    <main className="gate">
      <div className="gate-card">
        <Mark size={48} />
        <h1>{t('factor.enrol')}</h1>
        <p className="gate-note">{t('factor.enrolText')}</p>
        <NewFactor begin={rest.beginFactor} confirm={confirm} done={() => arrive(session.current)} cancel={() => void logOut()} />
      </div>
    </main>
  )
}

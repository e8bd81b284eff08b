import { BellRing, ImagePlus, Plus, UserPlus } from 'lucide-react'
import { type Key, t } from '../../i18n'
import { useDocument } from '../../store/documents'
import { changeDocument, openPage } from '../../store/actions'
import { atLeast, useMayInvite } from '../../store/select'
import { useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'

interface Settings {
  /** The person has put the first steps away. */
  begun: boolean
}

const steps: { icon: typeof Plus; label: Key; open: () => void }[] = [
  { icon: UserPlus, label: 'account.invite', open: () => openDialog({ kind: 'invite' }) },
  { icon: Plus, label: 'list.create', open: () => openDialog({ kind: 'create-room' }) },
  { icon: BellRing, label: 'start.notify', open: () => openPage('settings/notifications') },
  { icon: ImagePlus, label: 'start.picture', open: () => openDialog({ kind: 'edit-profile' }) },
]

/** What to do next on a server where one is alone. */
export function NextSteps() {
  const { begun } = useDocument<Settings>('settings')
  const alone = useChat((s) => Object.keys(s.people).length === 1 && atLeast(s.me, 'admin'))
  const invite = useMayInvite()
  if (!alone || begun) return null
  return (
    <section className="next-steps" aria-labelledby="next-steps">
      <h2 id="next-steps">{t('start.title')}</h2>
      <ul>
        {steps
          .filter((x) => x.label !== 'account.invite' || invite)
          .map(({ icon: Icon, label, open }) => (
            <li key={label}>
              <button className="button" onClick={open}>
                <Icon size={16} aria-hidden />
                {t(label)}
              </button>
            </li>
          ))}
      </ul>
      <button className="link" onClick={() => changeDocument('settings', (v) => ({ ...v, begun: true }))}>
        {t('start.hide')}
      </button>
    </section>
  )
}

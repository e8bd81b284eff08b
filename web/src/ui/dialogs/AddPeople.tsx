import { useEffect, useMemo, useState } from 'react'
import { t } from '../../i18n'
import { addMember, loadMembers } from '../../store/actions'
import { titleOf } from '../../store/select'
import { toast, useChat } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Fault, useSubmit } from '../kit/Form'
import { PeoplePicker } from './PeoplePicker'

export function AddPeople({ room, onClose }: { room: string; onClose: () => void }) {
  const title = useChat((s) => (s.rooms[room] ? titleOf(s, s.rooms[room]) : ''))
  const members = useChat((s) => s.members[room])
  const inside = useMemo(() => new Set(Object.keys(members ?? {})), [members])
  const [users, setUsers] = useState<string[]>([])
  useEffect(() => {
    if (!members) loadMembers(room).catch(() => {}) // without it, people who are in already are offered too: harmless
  }, [])
  const { busy, submit, elsewhere } = useSubmit(async () => {
    for (const user of users) {
      await addMember(room, user)
      setUsers((left) => left.filter((u) => u !== user))
    }
    toast(t('add.done', { count: users.length }))
    onClose()
  })
  return (
    <Dialog title={t('add.title', { room: title })} onClose={onClose}>
      <form onSubmit={submit}>
        <PeoplePicker label={t('people.label')} chosen={users} onChange={setUsers} except={inside} most={50} />
        <p className="field-hint">{t('add.hint')}</p>
        <Fault text={elsewhere()} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button primary" disabled={busy || users.length === 0}>
            {t('add.add')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

import { useMemo, useState } from 'react'
import { t } from '../../../i18n'
import { addMember } from '../../../store/actions'
import { toast, useChat } from '../../../store/store'
import { MemberList } from '../../chat/MemberList'
import { Fault, useSubmit } from '../../kit/Form'
import { PeoplePicker } from '../PeoplePicker'

/** Brings people into a room, and shows who is in it. */
export function People({ room }: { room: string }) {
  const members = useChat((s) => s.members[room])
  const inside = useMemo(() => new Set(Object.keys(members ?? {})), [members])
  const archived = useChat((s) => s.rooms[room]?.archived ?? false)
  const [users, setUsers] = useState<string[]>([])
  const { busy, submit, elsewhere } = useSubmit(async () => {
    for (const user of users) {
      await addMember(room, user)
      setUsers((left) => left.filter((u) => u !== user))
    }
    toast(t('add.done', { count: users.length }))
  })
  return (
    <>
      {!archived && (
        <form onSubmit={submit}>
          <PeoplePicker label={t('room.addPeople')} chosen={users} onChange={setUsers} except={inside} most={50} />
          <p className="field-hint">{t('add.hint')}</p>
          <Fault text={elsewhere()} />
          {users.length > 0 && (
            <div className="dialog-actions">
              <button className="button primary" disabled={busy}>
                {t('add.add')}
              </button>
            </div>
          )}
        </form>
      )}
      <MemberList room={room} />
    </>
  )
}

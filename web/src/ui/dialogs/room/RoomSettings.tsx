import { useEffect, useState } from 'react'
import { t } from '../../../i18n'
import { mayModerate, titleOf } from '../../../store/select'
import { useChat } from '../../../store/store'
import { Dialog } from '../../kit/Dialog'
import { Tabs } from '../../kit/Tabs'
import { About } from './About'
import { Banned } from './Banned'
import { Integrations } from './Integrations'
import { People } from './People'

const kinds = ['about', 'people', 'banned', 'integrations'] as const
type Kind = (typeof kinds)[number]

/** All that the moderators of a room decide. */
export function RoomSettings({ room, tab = 'about', onClose }: { room: string; tab?: Kind; onClose: () => void }) {
  const [shown, show] = useState<Kind>(tab)
  const title = useChat((s) => (s.rooms[room] ? titleOf(s, s.rooms[room]) : ''))
  const moderate = useChat((s) => (s.rooms[room] ? mayModerate(s, s.rooms[room]) : false))
  useEffect(() => {
    if (!moderate) onClose() // no longer, or no longer here
  }, [moderate])
  if (!moderate) return null
  return (
    <Dialog title={t('settings.of', { room: title })} onClose={onClose} wide>
      <Tabs label={t('settings.of', { room: title })} tabs={kinds.map((value) => ({ value, label: t(`settings.tab.${value}`) }))} value={shown} onChange={show}>
        {shown === 'about' && <About room={room} onClose={onClose} />}
        {shown === 'people' && <People room={room} />}
        {shown === 'banned' && <Banned room={room} />}
        {shown === 'integrations' && <Integrations room={room} />}
      </Tabs>
    </Dialog>
  )
}

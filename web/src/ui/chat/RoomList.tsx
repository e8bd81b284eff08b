import { type RefObject, useMemo } from 'react'
import { t } from '../../i18n'
import { useDocument } from '../../store/documents'
import { type Layout, sections, type Section as Kept } from '../../store/sidebar'
import { useApp, useChat } from '../../store/store'
import { RoomMenu } from './RoomMenu'
import { Section } from './Section'
import { UnreadPills } from './UnreadPills'

/** The list's sections as they are now. */
function useSections(): Kept[] {
  const rooms = useChat((s) => s.rooms)
  const people = useChat((s) => s.people)
  const layout = useDocument<Layout>('sidebar')
  const open = useApp((a) => a.room)
  const held = useApp((a) => a.held)
  return useMemo(() => sections(useApp.getState().chat!, layout, open, held), [rooms, people, layout, open, held])
}

/** One's rooms, in sections. There may be thousands: only those in view are in the page. */
export function RoomList({ box }: { box: RefObject<HTMLElement | null> }) {
  const rooms = useChat((s) => s.rooms)
  const all = useSections()
  const calling = useMemo(() => new Set(Object.values(rooms).filter((r) => r.kind === 'thread' && r.mentions).map((r) => r.parent!)), [rooms])
  return (
    <>
      {all.map((section) => (
        <Section key={section.id} section={section} calling={calling} box={box} empty={section.id === 'rooms' && Object.keys(rooms).length === 0 ? t('list.noRooms') : undefined} />
      ))}
      <UnreadPills box={box} sections={all} />
      <RoomMenu sections={all} />
    </>
  )
}

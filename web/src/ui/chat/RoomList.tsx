import type { RefObject } from 'react'
import { t } from '../../i18n'
import { useDocument } from '../../store/documents'
import { derived } from '../../store/rooms'
import { type Layout, sections } from '../../store/sidebar'
import { useApp, useChat } from '../../store/store'
import { RoomMenu } from './RoomMenu'
import { Section } from './Section'
import { UnreadPills } from './UnreadPills'

/**
 * One's rooms, in sections. There may be thousands: only those in view are in
 * the page.
 */
export function RoomList({ box }: { box: RefObject<HTMLElement | null> }) {
  const layout = useDocument<Layout>('sidebar')
  const open = useApp((a) => a.room)
  const held = useApp((a) => a.held)
  const all = useChat((s) => sections(s, layout, open, held))
  const calling = useChat((s) => derived(s).calling)
  return (
    <>
      {all.map((section) => (
        <Section key={section.id} section={section} calling={calling} box={box} empty={section.id === 'rooms' && all.every((x) => x.rooms.length === 0) ? t('list.noRooms') : undefined} />
      ))}
      <UnreadPills box={box} sections={all} />
      <RoomMenu sections={all} />
    </>
  )
}

import { Browse } from './Browse'
import { CreateRoom } from './CreateRoom'
import { Edits } from './Edits'
import { ReadBy } from './ReadBy'
import { Forward } from './Forward'
import { JumpTo } from './JumpTo'
import { Keys } from './Keys'
import { Invite } from './Invite'
import { Later } from './Later'
import { Remind, SendLater } from './LaterTime'
import { Moderate } from './Moderate'
import { NewMessage } from './NewMessage'
import { Picture } from './Picture'
import { Prove } from './Prove'
import { Report } from './Report'
import { ResetLink } from './ResetLink'
import { Pins } from './Pins'
import { SectionName } from './SectionName'
import { Tokens } from './Tokens'
import { RoomSettings } from './room/RoomSettings'
import { Unsent } from './Unsent'
import { Why } from './Why'
import { Disable } from '../people/Disable'
import { EditProfile } from '../people/EditProfile'
import { Level } from '../people/Level'
import { Profile } from '../people/Profile'
import { Quiet } from '../people/Quiet'
import { Rename } from '../people/Rename'
import { SetStatus } from '../people/SetStatus'
import { CreateBot } from './CreateBot'
import { closeDialog, type Open } from './open'

/** The dialogs that the first load does without. */
export function More({ open }: { open: Exclude<Open, { kind: 'switcher' | 'confirm' }> }) {
  switch (open.kind) {
    case 'people':
      return <NewMessage onClose={closeDialog} />
    case 'create-room':
      return <CreateRoom onClose={closeDialog} />
    case 'browse':
      return <Browse onClose={closeDialog} />
    case 'invite':
      return <Invite onClose={closeDialog} />
    case 'later':
      return <Later tab={open.tab} onClose={closeDialog} />
    case 'forward':
      return <Forward message={open.message} onClose={closeDialog} />
    case 'remind':
      return <Remind {...open} onClose={closeDialog} />
    case 'send-later':
      return <SendLater {...open} onClose={closeDialog} />
    case 'section':
      return <SectionName {...open} onClose={closeDialog} />
    case 'settings':
      return <RoomSettings {...open} onClose={closeDialog} />
    case 'moderate':
      return <Moderate {...open} onClose={closeDialog} />
    case 'tokens':
      return <Tokens key={open.bot?.id} bot={open.bot} onClose={closeDialog} />
    case 'create-bot':
      return <CreateBot onClose={closeDialog} />
    case 'profile':
      return <Profile key={open.user} user={open.user} onClose={closeDialog} />
    case 'edit-profile':
      return <EditProfile onClose={closeDialog} />
    case 'status':
      return <SetStatus onClose={closeDialog} />
    case 'quiet':
      return <Quiet onClose={closeDialog} />
    case 'level':
      return <Level room={open.room} onClose={closeDialog} />
    case 'disable':
      return <Disable user={open.user} onClose={closeDialog} />
    case 'rename':
      return <Rename user={open.user} onClose={closeDialog} />
    case 'reset-link':
      return <ResetLink user={open.user} onClose={closeDialog} />
    case 'prove':
      return <Prove onClose={closeDialog} />
    case 'keys':
      return <Keys onClose={closeDialog} />
    case 'unsent':
      return <Unsent onClose={closeDialog} />
    case 'picture':
      return <Picture {...open} onClose={closeDialog} />
    case 'edits':
      return <Edits room={open.room} no={open.no} onClose={closeDialog} />
    case 'why':
      return <Why message={open.message} onClose={closeDialog} />
    case 'report':
      return <Report message={open.message} onClose={closeDialog} />
    case 'read-by':
      return <ReadBy message={open.message} onClose={closeDialog} />
    case 'pins':
      return <Pins room={open.room} onClose={closeDialog} />
    case 'jump':
      return <JumpTo room={open.room} at={open.at} onClose={closeDialog} />
  }
}

import { useApp } from '../../store/store'
import { openDialog } from '../dialogs/open'

/** Shows who somebody is. */
export function openPerson(user: string): void {
  if (useApp.getState().chat?.people[user]) openDialog({ kind: 'profile', user })
}

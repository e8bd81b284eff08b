// What one does about people: oneself, and as an admin others. Each returns
// when the server has agreed; errors are ApiError.

import { ApiError } from '../protocol/error'
import { post, type Posted } from '../protocol/post'
import { rest } from '../protocol/rest'
import type { Actions, NotifyLevel, User } from '../protocol/types'
import { call, change } from './actions'
import { setLevel as levelSet, takeMorePeople, takePerson } from './reduce'
import { useApp } from './store'

/** Takes a person whom an answer has brought: the event of it may come later, or not to guests. */
function taken(user: User): void {
  change((s) => takePerson(s, user))
}

export const updateAccount = async (to: Actions['account.update'][0]) => taken(await call('account.update', to))
export const updateUser = async (user: string, to: Omit<Actions['user.update'][0], 'user'>) => taken(await call('user.update', { user, ...to }))
/** Loads the next page of all people, where not all are known. */
export async function loadMorePeople(): Promise<void> {
  const after = useApp.getState().chat?.peopleNext
  if (!after) return
  const page = await call('user.list', { limit: 200, after })
  change((s) => takeMorePeople(s, page))
}

export const loadPerson = async (user: string) => taken(await call('user.get', { user }))

export async function setLevel(room: string, level: NotifyLevel): Promise<void> {
  await call('room.notify', { room, level })
  change((s) => levelSet(s, room, level))
}

/** Gives oneself a picture; the server cuts it to a square. */
export function sendPicture(file: File, onProgress: (part: number) => void): Posted<void> {
  const limit = useApp.getState().chat?.limits.file ?? 0
  if (limit === 0) return { done: Promise.reject(new ApiError('forbidden', '', { text: 'upload.off' })), abort: () => {} }
  if (file.size > limit) return { done: Promise.reject(new ApiError('too_large', '', { text: 'refusal.too_large' })), abort: () => {} }
  const { done, abort } = post<User>('/account/picture', file, onProgress)
  return { done: done.then(taken), abort }
}

export const removePicture = async () => taken(await rest.removePicture())

// The profiles of people whom one sees. On a server with more people than one
// page of them, they come when something first shows their names, and when one
// looks for them.

import { useEffect } from 'react'
import type { FoundUsers } from '../protocol/types'
import { useApp, useChat } from './store'

/** The most people that the server tells of at once. */
const most = 100
const pause = 5_000 // ms after which what failed may be asked for again

/** Asks the server, and takes what it answers. */
type Ask = (params: { query: string; limit: number } | { users: string[] }) => Promise<FoundUsers>

const wanted = new Set<string>()
/** Whoever was asked for: those who are not there are not asked for again. */
let asked = new Set<string>()
let timer: ReturnType<typeof setTimeout> | null = null
let ask: Ask | null = null

/** To be called with somebody whose name is to be shown and not known. */
export function want(user: string): void {
  if (!ask || user === '' || asked.has(user)) return
  asked.add(user)
  wanted.add(user)
  timer ??= setTimeout(fetchWanted, 20)
}

async function fetchWanted(): Promise<void> {
  timer = null
  const { chat } = useApp.getState()
  if (!chat?.serverPosition) return // the list of people comes first, and then the rest
  if (chat.peopleNext === null) return wanted.clear() // all who are there are known
  const users = [...wanted].slice(0, most)
  if (users.length === 0) return
  for (const id of users) wanted.delete(id)
  const again = (ids: string[]) => ids.forEach((id) => asked.delete(id))
  await ask?.({ users }).then(
    (found) => again(found.users.map((u) => u.id)), // what has changed since is not taken
    () => setTimeout(() => again(users), pause),
  )
  if (wanted.size > 0) timer ??= setTimeout(fetchWanted, 0)
}

/**
 * The list of people has come: what was wanted meanwhile is asked for, and whom
 * it has forgotten may be.
 */
export function peopleCame(): void {
  asked = new Set(wanted)
  timer ??= setTimeout(fetchWanted, 0)
}

/** Begins anew, with a way to ask. */
export function beginProfiles(to: Ask | null): void {
  ask = to
  asked = new Set()
  wanted.clear()
}

/**
 * Has the server look for people by what is typed, where not all are known:
 * those whom it finds are known then.
 */
export function useLookUp(typed: string): void {
  const partly = useChat((s) => s.peopleNext !== null)
  const query = typed.trim()
  useEffect(() => {
    if (!partly || query === '') return
    const soon = setTimeout(() => void ask?.({ query, limit: 50 }).catch(() => {}), 150)
    return () => clearTimeout(soon)
  }, [partly, query])
}

/**
 * Has the server look for everybody whom a text may name, where not all are
 * known, and waits for them.
 */
export async function lookUp(text: string): Promise<void> {
  if (!ask || useApp.getState().chat?.peopleNext === null) return
  const names = text.includes('@') ? text.split('@').slice(1) : [text]
  const begun = new Set(names.map((name) => /^[^\s,:]*/.exec(name.trim())![0]).filter((name) => name !== ''))
  await Promise.all([...begun].slice(0, 20).map((query) => ask!({ query, limit: 50 })))
}

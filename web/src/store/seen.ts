// When people were last online. It is asked for where it is shown, of several
// people at once, and anew after a minute.

import { create } from 'zustand'
import type { LastSeen } from '../protocol/types'
import { call } from './actions'

/** By person; of those who are not in it nothing is known or told. */
export const useSeen = create<Record<string, LastSeen>>()(() => ({}))

const most = 100 // people of one request
const freshFor = 60_000
const asked = new Map<string, number>()
let wanted: string[] = []

/** Asks for somebody, together with others who are wanted in the same moment. */
export function wantSeen(user: string): void {
  if (Date.now() - (asked.get(user) ?? 0) < freshFor || wanted.includes(user)) return
  if (wanted.push(user) === 1) setTimeout(() => void ask(), 50)
}

async function ask(): Promise<void> {
  const users = wanted.slice(0, most)
  wanted = wanted.slice(most)
  if (wanted.length > 0) setTimeout(() => void ask(), 50)
  for (const user of users) asked.set(user, Date.now())
  try {
    const { seen } = await call('presence.seen', { users })
    const told = Object.fromEntries(seen.map((s) => [s.user, s]))
    useSeen.setState((all) => ({ ...Object.fromEntries(Object.entries(all).filter(([id]) => !users.includes(id))), ...told }), true)
  } catch {
    for (const user of users) asked.delete(user) // asked again when shown again
  }
}

/** Somebody has just gone, before this page's eyes. */
export function sawLeave(user: string): void {
  asked.set(user, Date.now())
  useSeen.setState({ [user]: { user, at: new Date().toISOString() } })
}

export function forgetSeen(): void {
  asked.clear()
  wanted = []
  useSeen.setState({}, true)
}

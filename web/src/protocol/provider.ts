// Logging in at a provider (OpenID Connect): the server says where to go, and sends the browser back to `#log-in=PROBLEM/ID` if it
// did not work: docs/protocol.md.

import { isKey, t } from '../i18n'
import { at } from './base'
import { unavailable } from './error'

interface Answer {
  /** Where to go. */
  url?: string
  /** Or why not. */
  problem?: string
}

async function post(path: string, body: unknown): Promise<Answer> {
  let answer: unknown
  try {
    const res = await fetch(at(path), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
      body: JSON.stringify(body),
    })
    answer = await res.json()
  } catch {
    throw unavailable()
  }
  return (answer ?? {}) as Answer
}

/** Asks where to log in, to come back to a page of the client. */
export const beginLogIn = (provider: string, page: string) => post(`/oidc/${provider}/log-in`, { page })

/** Ends the session, and says where the browser ends it at its provider, if it has one. */
export const leave = () => post('/oidc/log-out', {})

/** What went wrong, and what to do. */
export function problemText(problem: string | undefined, provider: string): string {
  const key = `gate.sso.${(problem ?? '').replace(/-(\w)/g, (_, c: string) => c.toUpperCase())}`
  return t(isKey(key) ? key : 'gate.sso.broken', { provider })
}

/** The log-in that has just failed, as the address tells it. */
export function failedLogIn(hash: string): { problem: string; provider: string } | null {
  const match = /^#log-in=([\w-]+)\/([\w-]+)$/.exec(hash)
  return match ? { problem: match[1]!, provider: match[2]! } : null
}

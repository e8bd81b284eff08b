import { at } from './base'
import { ApiError, type Because, codeOf, unavailable } from './error'
import { json } from './text'
import type { Challenge, LoggedIn, Me, NewFactor, PasskeyAnswer, Recovery, ServerInfo, ShownInvite, User } from './types'

const api = at('/api/v1')

interface Problem {
  code?: string
  detail?: string
  title?: string
  field?: string
  because?: Because
}

/** One call through the REST door; the session is the browser's cookie. */
async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let res: Response
  try {
    res = await fetch(api + path, {
      method,
      // The cookie is asked for only where a session begins: elsewhere the
      // server would want to know the page's origin, which browsers do not tell
      // it with a plain GET.
      headers: body === undefined ? {} : { 'Content-Type': 'application/json', 'Parley-Cookie': 'set' },
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
      ...(body === undefined ? {} : { body: json(body) }),
    })
  } catch {
    throw unavailable()
  }
  const answer: unknown = await res.json().catch(() => null)
  if (res.ok) return answer as T
  const problem = (answer ?? {}) as Problem
  const wait = Number(res.headers.get('Retry-After'))
  const code = problem.code ? codeOf(problem.code) : res.status === 401 ? 'unauthenticated' : res.status >= 502 ? 'unavailable' : 'internal'
  throw new ApiError(code, problem.detail || problem.title || '', {
    field: problem.field,
    retryAfterMs: wait > 0 ? wait * 1000 : undefined,
    because: problem.because,
  })
}

export const rest = {
  info: () => call<ServerInfo>('GET', '/server'),
  me: () => call<Me>('GET', '/account'),
  /** Logs in: with a code, where the answer without one was that it is needed. */
  logIn: (name: string, password: string, code?: string, passkey?: PasskeyAnswer) => call<LoggedIn>('POST', '/sessions', { name, password, code, passkey }),
  redeem: (code: string, factor?: string, passkey?: PasskeyAnswer) => call<LoggedIn>('POST', '/sessions/link', { code, factor, passkey }),
  askPasskey: () => call<Challenge>('POST', '/sessions/passkey/challenge', {}),
  logInByPasskey: (passkey: PasskeyAnswer) => call<LoggedIn>('POST', '/sessions/passkey', passkey),
  forgot: (name: string) => call<unknown>('POST', '/password/forgot', { name }),
  resetPassword: (code: string, password: string, factor?: string, passkey?: PasskeyAnswer) => call<LoggedIn>('POST', '/password/reset', { code, password, factor, passkey }),
  beginFactor: () => call<NewFactor>('POST', '/account/factor', {}),
  beginPasskey: () => call<Challenge>('POST', '/account/passkeys/challenge', {}),
  finishPasskey: (name: string, passkey: PasskeyAnswer) => call<Recovery>('POST', '/account/passkeys', { name, passkey }),
  confirmFactor: (code: string) => call<Recovery>('PUT', '/account/factor', { code }),
  signUp: (name: string, password: string, invite?: string) =>
    call<LoggedIn>('POST', '/accounts', invite ? { name, password, invite } : { name, password }),
  nameServer: (name: string) => call<ServerInfo>('PATCH', '/server', { name }),
  showInvite: (invite: string) => call<ShownInvite>('POST', '/invites/show', { invite }),
  logOut: () => call<unknown>('DELETE', '/sessions/current'),
  removePicture: () => call<User>('DELETE', '/account/picture'),
  changePassword: (old: string, next: string) => call<LoggedIn>('PUT', '/account/password', { old, new: next }),
}

export type Rest = typeof rest

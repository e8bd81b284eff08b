export type Code =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'resync'
  | 'too_large'
  | 'rate_limited'
  | 'internal'
  | 'unavailable'

/** A refusal by the server, or the lack of an answer (unavailable). The message is meant for people. */
export class ApiError extends Error {
  constructor(
    readonly code: Code,
    message: string,
    readonly field?: string,
    readonly retryAfterMs?: number,
  ) {
    super(message)
    this.name = 'ApiError'
  }

  /** Whether the same request may succeed later, unchanged. */
  get passing(): boolean {
    return this.code === 'unavailable' || this.code === 'rate_limited' || this.code === 'internal'
  }
}

export const unavailable = (message = 'The server cannot be reached. Check your connection and try again.') =>
  new ApiError('unavailable', message)

const codes = new Set<string>([
  'invalid', 'unauthenticated', 'forbidden', 'not_found', 'conflict', 'resync', 'too_large', 'rate_limited', 'internal', 'unavailable',
])

/** The code of an answer, also of one whose code is from a later version. */
export function codeOf(value: unknown): Code {
  return typeof value === 'string' && codes.has(value) ? (value as Code) : 'internal'
}

/** Makes a server's message fit to be shown: a capital letter and a full stop. */
export function sentence(text: string): string {
  const trimmed = text.trim()
  if (trimmed === '') return 'Something went wrong.'
  const first = trimmed[0]!.toUpperCase() + trimmed.slice(1)
  return /[.!?…]$/.test(first) ? first : first + '.'
}

/** What to tell a person about any error. */
export function explain(err: unknown): string {
  if (err instanceof ApiError) return sentence(err.message)
  return 'Something went wrong here. Reload the page and try again.'
}

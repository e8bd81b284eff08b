import { isKey, type Key, speaksEnglish, t } from '../i18n'
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
  readonly field?: string
  readonly retryAfterMs?: number
  readonly text?: Key

  constructor(
    readonly code: Code,
    message: string,
    /** The input at fault; how long to wait; and our own words for it where the server has said nothing better. */
    more: { field?: string; retryAfterMs?: number; text?: Key } = {},
  ) {
    super(message)
    this.name = 'ApiError'
    this.field = more.field
    this.retryAfterMs = more.retryAfterMs
    this.text = more.text
  }

  /** Whether the same request may succeed later, unchanged. */
  get passing(): boolean {
    return this.code === 'unavailable' || this.code === 'rate_limited' || this.code === 'internal'
  }
}

export const unavailable = (text: Key = 'error.unreachable') => new ApiError('unavailable', '', { text })

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
  const first = trimmed[0]!.toUpperCase() + trimmed.slice(1)
  return /[.!?…]$/.test(first) ? first : first + '.'
}

/** What to tell a person about any error. */
export function explain(err: unknown): string {
  if (!(err instanceof ApiError)) return t('error.unknown')
  if (err.text) return t(err.text)
  // The server speaks English; its words are exact, and better than ours where they are understood.
  if (err.message.trim() && speaksEnglish()) return sentence(err.message)
  const exact = `refusal.${err.code}.${err.field}`
  return isKey(exact) ? t(exact) : t(`refusal.${err.code}`)
}

import { isKey, type Key, speaksEnglish, t } from '../i18n'
import { momentName } from '../ui/kit/time'

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

/** What stands in the way of someone whose request was refused. */
export interface Because {
  kind: 'archived' | 'muted' | 'banned' | 'announce' | 'slow' | 'disabled' | 'code' | 'proof' | 'factor' | (string & {})
  until?: string
  reason?: string
  /** What a second factor can be passed with: app, passkey, recovery. */
  factors?: string[]
}

/** A refusal by the server, or the lack of an answer (unavailable). The message is meant for people. */
export class ApiError extends Error {
  readonly field?: string
  readonly retryAfterMs?: number
  readonly text?: Key
  readonly because?: Because
  readonly said?: string

  constructor(
    readonly code: Code,
    message: string,
    /** The input at fault; how long to wait; and our own words for it where the server has said nothing better, or whole sentences. */
    more: { field?: string; retryAfterMs?: number; text?: Key; because?: Because; said?: string } = {},
  ) {
    super(message)
    this.name = 'ApiError'
    this.field = more.field
    this.retryAfterMs = more.retryAfterMs
    this.text = more.text
    this.because = more.because
    this.said = more.said
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

/** What stands in the way, with times as people here write them; nothing where that is from a later version. */
function hindered({ kind, until, reason }: Because): string | undefined {
  const key = `hindered.${kind}`
  const timed = `hindered.until.${kind}`
  if (!isKey(key)) return undefined
  const text = until && isKey(timed) ? t(timed, { time: momentName(until, Date.now()) }) : t(key)
  return reason ? `${text} ${t('hindered.reason', { reason: sentence(reason) })}` : text
}

/** What to tell a person about any error. */
export function explain(err: unknown): string {
  if (!(err instanceof ApiError)) return t('error.unknown')
  if (err.said) return err.said
  if (err.text) return t(err.text)
  const hindrance = err.because && hindered(err.because)
  if (hindrance) return hindrance
  // The server speaks English; its words are exact, and better than ours where
  // they are understood.
  if (err.message.trim() && speaksEnglish()) return sentence(err.message)
  const exact = `refusal.${err.code}.${err.field}`
  return isKey(exact) ? t(exact) : t(`refusal.${err.code}`)
}

import { ApiError, type Because, codeOf } from './error'
import type { Event, Position, Signal } from './types'

/** Everything that a server may send. */
export type Frame =
  | { kind: 'result'; id: string | number; result: unknown }
  | { kind: 'error'; id: string | number | null; error: ApiError }
  | { kind: 'event'; event: Event }
  | { kind: 'signal'; signal: Signal }
  | { kind: 'resumed' | 'resync'; stream: string; position: Position }
  | { kind: 'goodbye'; reason: string; retryMs: number }
  | { kind: 'unknown'; method: string }

interface Raw {
  id?: string | number | null
  method?: string
  params?: Record<string, unknown>
  result?: unknown
  error?: { code: number; message: string; data?: { code?: string; field?: string; retry_after_ms?: number; because?: Because } }
}

/** Decodes one text frame; throws on what is no JSON-RPC 2.0. What is new to us becomes "unknown". */
export function decode(text: string): Frame {
  const raw = JSON.parse(text) as Raw & { jsonrpc?: string }
  if (raw === null || typeof raw !== 'object' || raw.jsonrpc !== '2.0') throw new Error('not a JSON-RPC 2.0 frame')
  if (raw.error) {
    const { message, data } = raw.error
    return { kind: 'error', id: raw.id ?? null, error: new ApiError(codeOf(data?.code), message, { field: data?.field, retryAfterMs: data?.retry_after_ms, because: data?.because }) }
  }
  if (raw.method === undefined) {
    if (raw.id === undefined || raw.id === null) throw new Error('an answer without an id')
    return { kind: 'result', id: raw.id, result: raw.result }
  }
  const params = raw.params ?? {}
  switch (raw.method) {
    case 'event':
      return { kind: 'event', event: params as unknown as Event }
    case 'signal':
      return { kind: 'signal', signal: params as unknown as Signal }
    case 'resumed':
    case 'resync':
      return { kind: raw.method, stream: String(params.stream), position: params.position as Position }
    case 'goodbye':
      return { kind: 'goodbye', reason: String(params.reason ?? ''), retryMs: Number(params.retry_ms) || 0 }
  }
  return { kind: 'unknown', method: raw.method }
}

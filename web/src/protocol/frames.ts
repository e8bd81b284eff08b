import { ApiError, type Because, type Code, codeOf } from './error'
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

/** JSON-RPC's own codes for a request that could not be read. */
const unreadable: Record<number, Code> = { [-32700]: 'invalid', [-32600]: 'invalid', [-32602]: 'invalid', [-32601]: 'not_found' }

/** Decodes one text frame; throws on what is no JSON-RPC 2.0. What is new to us becomes "unknown". */
export function decode(text: string): Frame {
  const raw = JSON.parse(text) as Raw & { jsonrpc?: string }
  if (raw === null || typeof raw !== 'object' || raw.jsonrpc !== '2.0') throw new Error('not a JSON-RPC 2.0 frame')
  if (raw.error) {
    const { code, message, data } = raw.error
    return { kind: 'error', id: raw.id ?? null, error: new ApiError(data?.code ? codeOf(data.code) : (unreadable[code] ?? 'internal'), message, { field: data?.field, retryAfterMs: data?.retry_after_ms, because: data?.because }) }
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

/** Exponential back-off with full jitter: somewhere between nothing and 0.5 s, 1 s, 2 s … 30 s. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(30_000, 500 * 2 ** Math.min(attempt, 10))
  return Math.floor(random() * ceiling)
}

export type Next = { kind: 'retry'; afterMs: number } | { kind: 'refused' }

/**
 * What to do after a socket has closed: see the table of close codes in docs/protocol.md.
 * hintMs is what a goodbye asked for.
 */
export function afterClose(code: number, attempt: number, hintMs: number | null, random: () => number = Math.random): Next {
  switch (code) {
    case 1008:
    case 4001:
      return { kind: 'refused' }
    case 4003: // too many sockets or frames
      return { kind: 'retry', afterMs: 60_000 + Math.floor(random() * 5_000) }
    case 4008: // too slow: what is missing comes with the positions
      return { kind: 'retry', afterMs: attempt === 0 ? 0 : backoff(attempt, random) }
    case 1002:
    case 1003:
    case 1007:
    case 1009: // a fault of ours: not in a hurry to repeat it
      return { kind: 'retry', afterMs: 30_000 }
  }
  if (hintMs !== null && attempt === 0) return { kind: 'retry', afterMs: Math.floor(hintMs * (0.5 + random())) }
  return { kind: 'retry', afterMs: backoff(attempt, random) }
}

// Colours in code. The highlighter comes later than the page; what was shown
// before is then shown anew.

import { create } from 'zustand'

type Highlight = (code: string, language: string) => string | null

/** Longer code stays plain: colouring it would hold the page up. */
export const most = 4_000

let highlight: Highlight | null = null
let loading = false

/** Grows when code can be coloured that could not be before. */
export const useHighlighter = create<{ version: number }>()(() => ({ version: 0 }))

/** HTML of code, all of it escaped, or null where it stays plain. */
export function coloured(code: string, language: string): string | null {
  if (!language || code.length > most) return null
  if (!highlight) {
    load()
    return null
  }
  try {
    return highlight(code, language.toLowerCase())
  } catch {
    return null
  }
}

function load(): void {
  if (loading) return
  loading = true
  idle(() => import('./languages').then(
    (m) => {
      highlight = m.highlight
      useHighlighter.setState((s) => ({ version: s.version + 1 }))
    },
    () => setTimeout(() => (loading = false), 30_000), // no connection, or the server has a newer client
  ))
}

/** Runs f when the page has nothing better to do: colours can wait, what one reads cannot. */
const idle = (f: () => void) => ('requestIdleCallback' in window ? void requestIdleCallback(f, { timeout: 2_000 }) : void setTimeout(f, 300))

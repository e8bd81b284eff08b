// What the links in messages lead to: asked for while a message can be seen,
// and remembered as long as this page is open.

import { create } from 'zustand'
import { findLinks } from '../markdown/links'
import { ApiError } from '../protocol/error'
import type { Message, Preview } from '../protocol/types'
import { call } from './actions'
import { useApp } from './store'

/** What was found for the text that a message had then. */
interface Found {
  text: string
  previews: Preview[]
}

const most = 500 // messages that are remembered
const atOnce = 3 // the server may take seconds for each

/** What has been found, by message. */
export const useLinks = create<{ found: Record<string, Found> }>()(() => ({ found: {} }))

type Linked = Pick<Message, 'room' | 'no' | 'text'>

export const keyOf = (m: Linked): string => `${m.room}/${m.no}`

/** Whether the server may have something to show of a text. It decides; this spares it the question. */
export const hasLinks = (text: string): boolean =>
  findLinks(text.replace(/(`{3,})[^]*?(\1|$)|`[^`\n]+`/g, ' ')).some((link) => !link.bracketed)

/** Only what a message may carry goes into the page: web links, and pictures of this server. */
const fit = (p: Preview): boolean => /^https?:\/\//i.test(p.url)
const ours = (p: Preview): Preview => (/^\/api\//.test(p.image ?? '') ? p : { ...p, image: undefined })

const seen = new Set<Linked>()
const running = new Set<string>()
let pause: ReturnType<typeof setTimeout> | undefined

/** Asks what the links of a message lead to, until the function that it returns is called. */
export function lookAt(m: Linked): () => void {
  seen.add(m)
  next()
  return () => void seen.delete(m)
}

function next(): void {
  for (const m of seen) {
    if (useApp.getState().status.kind !== 'online' || pause !== undefined || running.size >= atOnce) return
    const key = keyOf(m)
    if (running.has(key) || useLinks.getState().found[key]?.text === m.text) continue
    running.add(key)
    void find(key, m).finally(() => {
      running.delete(key)
      next()
    })
  }
}

async function find(key: string, m: Linked): Promise<void> {
  const user = useApp.getState().chat?.me.id
  let previews: Preview[] = []
  try {
    const answer = await call('link.previews', { room: m.room, no: m.no })
    previews = (answer.previews ?? []).filter(fit).map(ours)
  } catch (err) {
    if (!(err instanceof ApiError) || err.passing) {
      // Not worth a word to anybody. What can still be seen then is asked for
      // again.
      pause ??= setTimeout(() => {
        pause = undefined
        next()
      }, (err instanceof ApiError && err.retryAfterMs) || 5_000)
      return
    }
  }
  if (user === undefined || useApp.getState().chat?.me.id !== user) return // somebody else's page now
  useLinks.setState(({ found }) => {
    const { [key]: _, ...others } = found
    const keys = Object.keys(others)
    if (keys.length >= most) delete others[keys[0]!]
    return { found: { ...others, [key]: { text: m.text, previews } } }
  })
}

useApp.subscribe((now, before) => {
  if (now.status.kind === 'online' && before.status.kind !== 'online') next()
  if (now.chat === null && before.chat !== null) {
    seen.clear()
    useLinks.setState({ found: {} })
  }
})

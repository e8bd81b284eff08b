// The search that one has made: it is there again when one comes back to it.

import { create } from 'zustand'
import type { Excerpt, Message, SearchCounts, SearchOrder } from '../protocol/types'
import { useApp } from './store'

export interface FoundMessage {
  message: Message
  excerpt: Excerpt
}

export interface Found {
  asked: string
  /** What was looked for instead, as nothing was found for the words asked. */
  corrected?: string
  hits: FoundMessage[]
  next?: string
  until?: string
  counts?: SearchCounts
  /** How far the server's index is built, in percent, if it is not complete. */
  built?: number
}

interface Searched {
  text: string
  order: SearchOrder
  found: Found | null
}

export const useSearched = create<Searched>()(() => ({ text: '', order: 'newest', found: null }))

/** How far the results are scrolled. */
export const scrolled = { top: 0 }

useApp.subscribe((now, before) => {
  if (now.chat === null && before.chat !== null) useSearched.setState({ text: '', found: null })
})

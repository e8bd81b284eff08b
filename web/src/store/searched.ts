// The search that one has made: it is there again when one comes back to it.

import { create } from 'zustand'
import type { Message } from '../protocol/types'
import { useApp } from './store'

export interface Found {
  asked: string
  messages: Message[]
  next?: string
  until?: string
}

export const useSearched = create<{ text: string; found: Found | null }>()(() => ({ text: '', found: null }))

useApp.subscribe((now, before) => {
  if (now.chat === null && before.chat !== null) useSearched.setState({ text: '', found: null })
})

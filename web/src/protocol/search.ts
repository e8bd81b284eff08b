// What a search finds.

import type { Message } from './types'

export type SearchOrder = 'newest' | 'relevance'

/** Why a message was found: a part of it as plain text. */
export interface Excerpt {
  parts: { text: string; marked?: boolean }[]
  /** The file whose name or description it is. */
  file?: string
}

/** Where the newest matches of a search are, those with most first. */
export interface SearchCounts {
  total: number
  more?: boolean
  rooms: { room: string; count: number }[]
  people: { user: string; count: number }[]
}

export interface SearchResult {
  messages: Message[]
  /** One for each message. */
  excerpts: Excerpt[]
  next?: string
  until?: string
  /** Nothing was found for what was asked; these are for this text. */
  corrected?: string
  counts?: SearchCounts
  building?: boolean
  /** How far the index is built, in percent. */
  built?: number
}

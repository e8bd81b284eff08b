// The emoji that this browser's person reacts with most.

import { toned, untoned } from '../emoji/tone'
import { choices } from './choices'

const key = 'parley:reactions'
const usual = ['👍', '❤️', '😂', '🎉', '👀', '✅']
const most = 50

function counts(): Record<string, number> {
  try {
    return JSON.parse(localStorage.getItem(key) ?? '{}') as Record<string, number>
  } catch {
    return {}
  }
}

/** Six to choose from at once: one's own most used, then the usual ones. */
export function quickReactions(): string[] {
  const own = Object.entries(counts()).filter(([, n]) => n > 2).sort(([, a], [, b]) => b - a).map(([emoji]) => emoji)
  const tone = choices().tone ?? 0
  return [...new Set([...own, ...usual].map((emoji) => toned(emoji, tone)))].slice(0, usual.length)
}

export function countReaction(emoji: string): void {
  try {
    const all = counts()
    const plain = untoned(emoji)
    all[plain] = (all[plain] ?? 0) + 1
    const kept = Object.entries(all).sort(([, a], [, b]) => b - a).slice(0, most)
    localStorage.setItem(key, JSON.stringify(Object.fromEntries(kept)))
  } catch {
    // Without storage the usual ones stay.
  }
}

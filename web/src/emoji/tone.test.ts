import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { hasTones, toned, untoned } from './tone'

interface Known {
  emoji: string
  group?: number
  version: number
  skins?: { emoji: string; tone: number | number[] }[]
}
const known = (createRequire(import.meta.url)('emojibase-data/en/data.json') as Known[]).filter((e) => e.group !== undefined && e.version <= 15)

it('emoji take on the tones that they have, and no others', () => {
  const wrong: string[] = []
  for (const { emoji, skins } of known) {
    if (emoji === '🧑‍🤝‍🧑') continue // its tones are two
    if (hasTones(emoji) !== (skins !== undefined)) wrong.push(emoji)
    for (const tone of [1, 2, 3, 4, 5]) {
      const want = skins?.find((s) => s.tone === tone)?.emoji ?? emoji
      if (toned(emoji, tone) !== want || toned(toned(emoji, 6 - tone), tone) !== want) wrong.push(`${emoji} ${tone}`)
    }
  }
  expect(wrong).toEqual([])
})

it('without a tone they are as before', () => {
  expect([toned('👍🏽', 0), toned('👍', 0), toned('🎉', 3), untoned('👩🏿‍🚀')]).toEqual(['👍', '👍', '🎉', '👩‍🚀'])
})

// Writes the emoji short codes, from the emojibase-data package, for the
// server's reactions and incoming webhooks: a line with a code, its emoji, and +
// where that comes in skin tones.
//
//   node scripts/shortcodes.mjs > ../internal/chat/shortcodes.txt
import { createRequire } from 'node:module'
import { codesOf } from './codes.mjs'

const require = createRequire(import.meta.url)
const lines = []
for (const e of require('emojibase-data/en/data.json')) {
  for (const code of codesOf(e.hexcode)) {
    // What is a picture by itself needs no variation selector.
    const emoji = e.type === 1 ? e.emoji.replace(/^(.)\uFE0F$/u, '$1') : e.emoji
    lines.push([code, emoji, ...(e.skins ? ['+'] : [])].join(' '))
  }
}
lines.sort((a, b) => (a < b ? -1 : 1))
process.stdout.write(lines.join('\n') + '\n')

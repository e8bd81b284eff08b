// The short codes of emoji, for the client and the server: those of GitHub,
// which most chats know, and those of Slack. Where they differ, Slack's count.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const slack = require('emojibase-data/en/shortcodes/iamcal.json')
const github = require('emojibase-data/en/shortcodes/github.json')
const more = require('emojibase-data/en/shortcodes/emojibase.json')
const slackOwns = new Map(Object.entries(slack).flatMap(([hex, codes]) => [codes].flat().map((c) => [c, hex])))

/** The codes of an emoji of emojibase-data, the usual one first. */
export function codesOf(hexcode) {
  const common = [github[hexcode] ?? more[hexcode] ?? []].flat().filter((c) => (slackOwns.get(c) ?? hexcode) === hexcode)
  return [...new Set([...common, ...[slack[hexcode] ?? []].flat()])]
}

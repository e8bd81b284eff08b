// The emoji of each language of the client, from the emojibase-data package: their names, what they are found by, and their
// short codes. One file a language, which the client loads when it is first needed.
import { createRequire } from 'node:module'
import { codesOf } from './codes.mjs'

const require = createRequire(import.meta.url)
const languages = ['en', 'de', 'es', 'fr', 'it', 'ja', 'nl', 'pl', 'pt', 'zh']
/** Newer ones are empty boxes on many systems still. */
const newest = 15
const components = 2 // the group of skin tones and hair: parts, not emoji

function file(language) {
  const { groups } = require(`emojibase-data/${language}/messages.json`)
  const emojis = require(`emojibase-data/${language}/data.json`)
    .filter((e) => e.group !== undefined && e.group !== components && e.version <= newest)
    .sort((a, b) => a.order - b.order)
    .map((e) => [e.emoji, e.label, codesOf(e.hexcode).join(' '), e.group, (e.tags ?? []).join(' ')])
  const capital = (text) => text[0].toLocaleUpperCase(language) + text.slice(1)
  return JSON.stringify({ groups: groups.filter((g) => g.order !== components).map((g) => [g.order, capital(g.message)]), emojis })
}

/** Writes emoji-<language>.json into the build, and serves it in development. */
export function emoji() {
  return {
    name: 'emoji',
    generateBundle() {
      for (const l of languages) this.emitFile({ type: 'asset', fileName: `emoji-${l}.json`, source: file(l) })
    },
    configureServer(server) {
      server.middlewares.use((req, res, next) => {
        const l = /^\/emoji-(\w+)\.json$/.exec(req.url ?? '')?.[1]
        if (!languages.includes(l)) return next()
        res.setHeader('Content-Type', 'application/json').end(file(l))
      })
    },
  }
}

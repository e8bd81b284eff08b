// Runs the files that are named, or all, one after the other in one process with one Chromium: npm run e2e -- chat rooms.
// Against two nodes (npm run e2e:nodes) all are those in which the server has a part.

import { readdirSync } from 'node:fs'
import { after, afterEach } from 'node:test'
import { missing, share, tell } from './lib/browser.mjs'
import { shared } from './lib/server.mjs'

const end = '.test.mjs'
const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith(end)).map((name) => name.slice(0, -end.length))
const nodes = ['accounts', 'chat', 'files', 'gaps', 'messages', 'programs', 'restart']
const named = process.argv.slice(2)
const unknown = named.filter((name) => !files.includes(name))
if (unknown.length > 0) throw new Error(`there is no ${unknown.join(', ')}; there is ${files.join(', ')}`)

if (!missing()) {
  after(await share())
  afterEach((test) => test.passed === false && tell())
}
for (const name of named.length > 0 ? named : shared ? nodes : files) await import(`./${name}${end}`)

// After the build. Writes the version of what was built, a hash over all of it, into dist/version.txt and, with the list
// of files to keep for when there is no connection, into dist/sw.js. Then dist/source.sha256: a hash over everything that
// dist is built from. embed_test.go computes the same and fails when dist is older than the sources. It is a list
// "path NUL content NUL" in the order of the paths' bytes.
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const inOrder = (names) => names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

const dist = (name) => join(root, 'dist', name)
const built = inOrder(readdirSync(dist('')).filter((f) => f !== 'source.sha256' && f !== 'version.txt'))
const all = createHash('sha256')
for (const file of built) all.update(file).update('\0').update(readFileSync(dist(file))).update('\0')
const version = all.digest('hex').slice(0, 16)
const shell = built.filter((f) => f !== 'sw.js' && !f.startsWith('emoji-')).map((f) => (f === 'index.html' ? './' : f))
const worker = readFileSync(dist('sw.js'), 'utf8').replace("'__VERSION__'", `'${version}'`).replace("['__SHELL__']", JSON.stringify(shell))
writeFileSync(dist('sw.js'), worker)
writeFileSync(dist('index.html'), readFileSync(dist('index.html'), 'utf8').replace('__VERSION__', version))
writeFileSync(dist('version.txt'), version + '\n')

const files = ['index.html', 'package.json', 'package-lock.json', 'tsconfig.json', 'vite.config.ts']
for (const dir of ['src', 'public']) {
  for (const entry of readdirSync(join(root, dir), { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) files.push(relative(root, join(entry.parentPath, entry.name)))
  }
}
const hash = createHash('sha256')
for (const file of inOrder(files.map((f) => f.replaceAll('\\', '/')))) {
  if (/\.test\.tsx?$|\/fake[^/]*\.tsx?$/.test(file)) continue // tests are not shipped
  hash.update(file).update('\0').update(readFileSync(join(root, file))).update('\0')
}
writeFileSync(dist('source.sha256'), hash.digest('hex') + '\n')

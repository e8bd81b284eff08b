// Writes dist/source.sha256: a hash over everything that dist is built from. embed_test.go computes the
// same and fails when dist is older than the sources. It is a list "path NUL content NUL" in the order of the paths' bytes.
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const files = ['index.html', 'package.json', 'package-lock.json', 'tsconfig.json', 'vite.config.ts']
for (const dir of ['src', 'public']) {
  for (const entry of readdirSync(join(root, dir), { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) files.push(relative(root, join(entry.parentPath, entry.name)))
  }
}
const hash = createHash('sha256')
for (const file of files.map((f) => f.replaceAll('\\', '/')).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
  if (/\.test\.tsx?$|\/fake[^/]*\.tsx?$/.test(file)) continue // tests are not shipped
  hash.update(file).update('\0').update(readFileSync(join(root, file))).update('\0')
}
writeFileSync(join(root, 'dist', 'source.sha256'), hash.digest('hex') + '\n')

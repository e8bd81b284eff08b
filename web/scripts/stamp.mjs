// After the build. Writes the version of what was built, a hash over all of it, into dist/version.txt, into the page and,
// with the list of files to keep for when there is no connection, into dist/sw.js. Then each file compressed, beside it
// as FILE.br, and dist/source.sha256: a hash over everything that dist is built from. embed_test.go computes the same and
// fails when dist is older than the sources. It is a list "path NUL content NUL" in the order of the paths' bytes.
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliDecompressSync } from 'node:zlib'

const root = fileURLToPath(new URL('..', import.meta.url))
const inOrder = (names) => names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
const filesIn = (dir) =>
  readdirSync(join(root, dir), { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile())
    .map((e) => relative(join(root, dir), join(e.parentPath, e.name)).replaceAll('\\', '/'))
const dist = (name) => join(root, 'dist', name)
const read = (name) => readFileSync(dist(name))
const change = (name, ...changes) => writeFileSync(dist(name), changes.reduce((text, [from, to]) => text.replace(from, to), read(name).toString()))

// The one script that vite does not build gets its hash here.
const theme = `assets/theme-${createHash('sha256').update(read('theme.js')).digest('hex').slice(0, 8)}.js`
renameSync(dist('theme.js'), dist(theme))
change('index.html', ['./theme.js', `./${theme}`])

const built = inOrder(filesIn('dist'))
const all = createHash('sha256')
for (const file of built) all.update(file).update('\0').update(read(file)).update('\0')
const version = all.digest('hex').slice(0, 16)

/** What a device keeps before it is asked for. Other languages and emoji are kept once somebody has used them. */
const ahead = (file) => !/^(sw\.js$|emoji-|assets\/texts-)/.test(file)
const shell = built.filter(ahead).map((f) => (f === 'index.html' ? './' : f))
change('sw.js', ["'__VERSION__'", `'${version}'`], ["['__SHELL__']", JSON.stringify(shell)])
change('index.html', ['__VERSION__', version])
writeFileSync(dist('version.txt'), version + '\n')

// Node's own encoder writes other bytes in other versions of Node; this one is
// a part of package-lock.json like everything else that makes dist.
const { compress } = createRequire(import.meta.url)('brotli-wasm')
let [plain, sent] = [0, 0]
for (const file of built) {
  const body = read(file)
  const small = Buffer.from(compress(body, { quality: 11 }))
  const use = small.length < body.length * 0.9
  if (use) {
    if (!brotliDecompressSync(small).equals(body)) throw new Error(`${file}.br is not ${file}`)
    writeFileSync(dist(`${file}.br`), small)
  }
  plain += body.length
  sent += use ? small.length : body.length
  if (/\.(js|css|html)$/.test(file)) console.log(`${String(use ? small.length : body.length).padStart(8)} bytes  ${file}`)
}
console.log(`${sent} bytes compressed, ${plain} plain`)

const files = ['index.html', 'package.json', 'package-lock.json', 'tsconfig.json', 'vite.config.ts']
for (const dir of ['src', 'public']) files.push(...filesIn(dir).map((f) => `${dir}/${f}`))
const hash = createHash('sha256')
for (const file of inOrder(files)) {
  if (/\.test\.tsx?$|\/fake[^/]*\.tsx?$/.test(file)) continue // tests are not shipped
  hash.update(file).update('\0').update(readFileSync(join(root, file))).update('\0')
}
writeFileSync(dist('source.sha256'), hash.digest('hex') + '\n')

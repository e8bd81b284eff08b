import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

// The server may be below a path, which at and fullAt know: an address that
// begins with a slash would leave it.
test('no address of the server is written without its place', () => {
  const src = join(__dirname, '..')
  const wrong: string[] = []
  for (const entry of readdirSync(src, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || !/\.tsx?$/.test(path) || /\.test\.tsx?$|\/fake/.test(path)) continue
    readFileSync(path, 'utf8').split('\n').forEach((line, i) => {
      for (const m of line.matchAll(/(\w+\()?['"`]\/(api\/|hooks\/|sw\.js|version\.txt|icon|emoji-)/g)) {
        if (!['at(', 'fullAt(', 'startsWith('].includes(m[1] ?? '')) wrong.push(`${path}:${i + 1}: ${line.trim()}`)
      }
      if (/location\.origin/.test(line) && !/base\.ts$/.test(path) && !/location\.pathname/.test(line)) wrong.push(`${path}:${i + 1}: ${line.trim()}`)
    })
  }
  expect(wrong).toEqual([])
})

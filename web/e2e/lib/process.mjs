// What is needed to run programs and to wait for them.

import { createServer } from 'node:net'

export async function freePort() {
  const probe = createServer()
  await new Promise((done) => probe.listen(0, '127.0.0.1', done))
  const { port } = probe.address()
  await new Promise((done) => probe.close(done))
  return port
}

/** Polls until check returns something true, and returns it; fails after timeout with what it waited for. */
export async function until(what, check, timeout = 30_000) {
  const end = Date.now() + timeout
  for (;;) {
    const got = await check()
    if (got) return got
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`)
    await new Promise((done) => setTimeout(done, 25))
  }
}

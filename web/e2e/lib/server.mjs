// The real server, as its own process.

import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('../../..', import.meta.url))

/** Path of the binary: PARLEY_BIN, or built once for this run. */
export const binary = (() => {
  let built
  return () => {
    if (process.env.PARLEY_BIN) return process.env.PARLEY_BIN
    if (!built) {
      const dir = mkdtempSync(join(tmpdir(), 'parley-bin-'))
      process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
      built = join(dir, 'parley')
      execFileSync('go', ['build', '-o', built, './cmd/parley'], { cwd: repository, stdio: 'inherit' })
    }
    return built
  }
})()

async function freePort() {
  const probe = createServer()
  await new Promise((done) => probe.listen(0, '127.0.0.1', done))
  const { port } = probe.address()
  await new Promise((done) => probe.close(done))
  return port
}

/** Polls until check returns something true, and returns it; fails after timeout with what it waited for. */
export async function until(what, check, timeout = 10_000) {
  const end = Date.now() + timeout
  for (;;) {
    const got = await check()
    if (got) return got
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`)
    await new Promise((done) => setTimeout(done, 25))
  }
}

export class Server {
  /** Starts a server with a data directory of its own, filled with the four people of the demo unless said otherwise. */
  static async start({ demo = true, args = [] } = {}) {
    const server = new Server()
    server.data = mkdtempSync(join(tmpdir(), 'parley-e2e-'))
    server.port = await freePort()
    server.url = `http://127.0.0.1:${server.port}`
    server.args = ['serve', '--listen', `127.0.0.1:${server.port}`, '--data', server.data, ...(demo ? ['--demo'] : []), '--max-logins=-1', ...args]
    await server.launch()
    return server
  }

  /** Starts the process, again after kill with the same port and data. */
  async launch() {
    this.output = ''
    const { PARLEY_BIN: _, ...env } = process.env // the server refuses settings that it does not know
    this.process = spawn(binary(), this.args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    const keep = (chunk) => (this.output += chunk)
    this.process.stdout.on('data', keep)
    this.process.stderr.on('data', keep)
    this.ended = new Promise((done) => this.process.once('exit', done))
    await until('the server to be ready', async () => {
      if (this.process.exitCode !== null) throw new Error(`the server ended:\n${this.output}`)
      return fetch(`${this.url}/readyz`).then((r) => r.ok, () => false)
    })
  }

  /** Pulls the plug. */
  async kill() {
    this.process.kill('SIGKILL')
    await this.ended
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGTERM')
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 15_000)
    await this.ended
    clearTimeout(timer)
    rmSync(this.data, { recursive: true, force: true })
  }

  /** The one-time link that makes the first owner. */
  setupLink() {
    return until('the set-up link', () => /https?:\/\/\S+\/#setup=\S+/.exec(this.output)?.[0])
  }

  /** Logs somebody in over REST, for what a test needs beside the browser; returns a function that calls actions. */
  async caller(name, password = 'password123') {
    const call = async (method, path, body, token) => {
      const res = await fetch(`${this.url}/api/v1${path}`, {
        method,
        headers: { 'Content-Type': 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}) },
        body: body === undefined ? undefined : JSON.stringify(body),
      })
      if (!res.ok) throw new Error(`${method} ${path}: ${res.status} ${await res.text()}`)
      return res.json()
    }
    const { token, user } = await call('POST', '/sessions', { name, password })
    const as = (method, path, body) => call(method, path, body, token)
    as.user = user
    return as
  }
}

// The real server: one process on a store of its own, or, with
// PARLEY_E2E=redis, two nodes on one Redis behind a reverse proxy.

import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Balancer } from './balancer.mjs'
import { freePort, until } from './process.mjs'
import { Redis } from './redis.mjs'

export { until }

const repository = fileURLToPath(new URL('../../..', import.meta.url))

/** Whether the server is two nodes. */
export const shared = process.env.PARLEY_E2E === 'redis'

/** Path of the binary: PARLEY_BIN, or built once for this run. */
export const binary = (() => {
  let built
  return () => {
    if (process.env.PARLEY_BIN) return process.env.PARLEY_BIN
    if (!built) {
      const dir = mkdtempSync(join(tmpdir(), 'parley-bin-'))
      process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
      built = join(dir, 'parley')
      execFileSync('go', ['build', '-trimpath', '-o', built, './cmd/parley'], {
        cwd: repository, stdio: 'inherit', env: { ...process.env, CGO_ENABLED: '0' }, // as make builds it
      })
    }
    return built
  }
})()

/** One process, which can be started again after its end with the same port and data. */
class Node {
  constructor(port, args) {
    this.port = port
    // Links are not looked at unless a test asks for it: nothing here talks to
    // other hosts.
    this.args = ['serve', '--listen', `127.0.0.1:${port}`, '--max-logins=-1', '--link-previews=off', ...args]
  }

  async launch() {
    this.output = ''
    const { PARLEY_BIN: _, PARLEY_E2E: __, ...env } = process.env // the server refuses settings that it does not know
    this.process = spawn(binary(), this.args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    const keep = (chunk) => (this.output += chunk)
    this.process.stdout.on('data', keep)
    this.process.stderr.on('data', keep)
    this.ended = new Promise((done) => this.process.once('exit', done))
    await until('the server to be ready', async () => {
      if (this.process.exitCode !== null) throw new Error(`the server ended:\n${this.output}`)
      return fetch(`http://127.0.0.1:${this.port}/readyz`).then((r) => r.ok, () => false)
    })
  }

  async kill() {
    this.process.kill('SIGKILL')
    await this.ended
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGTERM')
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 15_000)
    await this.ended
    clearTimeout(timer)
  }
}

export class Server {
  /** Starts a server with data of its own, filled with the four people of the demo unless said otherwise; named: people reach it by a name, and at its address, too. */
  static async start({ demo = true, args = [], named = false } = {}) {
    const server = new Server()
    args = [...(demo ? ['--demo'] : []), ...args]
    server.turn = 0 // the node that is killed next
    server.data = mkdtempSync(join(tmpdir(), 'parley-e2e-'))
    if (shared) {
      server.redis = await Redis.start()
      const ports = [await freePort(), await freePort()]
      server.balancer = await Balancer.before(ports)
      server.port = server.balancer.port
      server.url = `http://127.0.0.1:${server.port}`
      server.wirePort = await freePort()
      const common = ['--store', server.redis.url, '--files', server.data, '--proxies', '127.0.0.1', '--public-url', server.url]
      common.push('--origins', `http://127.0.0.1:${server.wirePort}`)
      server.nodes = ports.map((port) => new Node(port, [...common, ...args]))
    } else {
      server.port = await freePort()
      server.url = `http://${named ? 'localhost' : '127.0.0.1'}:${server.port}`
      if (named) args.push('--public-url', server.url, '--origins', `http://127.0.0.1:${server.port}`)
      server.nodes = [new Node(server.port, ['--data', server.data, ...args])]
    }
    for (const node of server.nodes) await node.launch()
    return server
  }

  /** Pulls the plug; of two nodes, that of one. */
  kill() {
    return this.nodes[this.turn].kill()
  }

  /** Starts what was killed. The next kill is another node's. */
  async launch() {
    await this.nodes[this.turn].launch()
    this.turn = (this.turn + 1) % this.nodes.length
  }

  /** How many sockets each node has had so far; undefined for one node. */
  get spread() {
    return this.balancer?.nodes.map((node) => node.sockets)
  }

  async stop() {
    await Promise.all(this.nodes.map((node) => node.stop()))
    await this.balancer?.close()
    await this.redis?.stop()
    if (this.data) rmSync(this.data, { recursive: true, force: true })
  }

  /** The one-time link that makes the first owner: of nodes that start together, the first shows it. */
  setupLink() {
    return until('the set-up link', () => /https?:\/\/\S+\/#setup=\S+/.exec(this.nodes.map((node) => node.output).join(''))?.[0])
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

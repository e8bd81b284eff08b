// A real redis-server of the tests' own.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { freePort, until } from './process.mjs'

const path = (process.env.PATH ?? '').split(delimiter).map((dir) => join(dir, 'redis-server')).find(existsSync)

/** Why there can be no Redis here, or false. */
export const missing = () => (path ? false : 'redis-server is not installed (Debian: apt-get install redis-server)')

export class Redis {
  static async start() {
    const redis = new Redis()
    redis.data = mkdtempSync(join(tmpdir(), 'parley-e2e-redis-'))
    const port = await freePort()
    redis.url = `redis://127.0.0.1:${port}`
    redis.process = spawn(
      path,
      ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', redis.data, '--save', '', '--appendonly', 'yes', '--maxmemory-policy', 'noeviction'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    let output = ''
    redis.process.stdout.on('data', (chunk) => (output += chunk))
    redis.ended = new Promise((done) => redis.process.once('exit', done))
    process.once('exit', (redis.end = () => redis.process.kill('SIGKILL'))) // also when a test throws before stop
    await until('redis-server to be ready', () => {
      if (redis.process.exitCode !== null) throw new Error(`redis-server ended:\n${output}`)
      return output.includes('Ready to accept connections')
    })
    return redis
  }

  /** Runs one command, whose words have no spaces. */
  do(command) {
    return new Promise((done, fail) => {
      const line = connect(Number(new URL(this.url).port), '127.0.0.1', () => line.write(`${command}\r\n`))
      line.once('data', (reply) => {
        line.destroy()
        if (`${reply}`.startsWith('-')) fail(new Error(`${command}: ${reply}`))
        else done()
      })
      line.once('error', fail)
    })
  }

  async stop() {
    process.off('exit', this.end)
    this.process.kill('SIGTERM')
    await this.ended
    rmSync(this.data, { recursive: true, force: true })
  }
}

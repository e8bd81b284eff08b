// A server that gets a newer client while people have the older one open.

import { createServer, request } from 'node:http'
import { connect } from 'node:net'

/** What scripts/stamp.mjs would write for a build that has changed. */
const version = 'feedfacefeedface'
const stamped = new Set(['/', '/version.txt', '/sw.js'])

/** Stands before a server; after update() it serves a client of another version. */
export class Newer {
  static async before(port) {
    const newer = new Newer()
    newer.version = version
    newer.updated = false
    newer.port = port
    newer.own = (await newer.ask('GET', '/version.txt')).body.toString().trim()
    newer.server = createServer(async (req, res) => {
      try {
        const parts = []
        for await (const part of req) parts.push(part)
        const { status, headers, body } = await newer.ask(req.method, req.url, req.headers, Buffer.concat(parts))
        res.writeHead(status, headers)
        res.end(body)
      } catch {
        res.destroy()
      }
    })
    newer.sockets = new Set()
    newer.server.on('upgrade', (req, near, head) => {
      const far = connect(port, '127.0.0.1')
      newer.sockets.add(near)
      near.on('error', () => far.destroy()).on('close', () => (newer.sockets.delete(near), far.destroy()))
      far.on('error', () => near.destroy()).on('close', () => near.destroy())
      far.write(`GET ${req.url} HTTP/1.1\r\n${Object.entries(req.headers).map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n`)
      far.write(head)
      near.pipe(far).pipe(near)
    })
    await new Promise((done) => newer.server.listen(0, '127.0.0.1', done))
    newer.url = `http://127.0.0.1:${newer.server.address().port}`
    return newer
  }

  /** Asks the server behind, and makes its answer that of a newer one. */
  ask(method, path, given = {}, content = Buffer.alloc(0)) {
    const { connection: _, 'accept-encoding': __, ...headers } = given
    const change = this.updated && stamped.has(path)
    if (change) delete headers['if-none-match']
    return new Promise((done, fail) => {
      const out = request({ host: '127.0.0.1', port: this.port, method, path, headers, agent: false }, async (answer) => {
        try {
          const parts = []
          for await (const part of answer) parts.push(part)
          let body = Buffer.concat(parts)
          const { 'transfer-encoding': _, 'content-length': __, ...kept } = answer.headers
          if (change) {
            body = Buffer.from(body.toString().replaceAll(this.own, version))
            delete kept.etag
          }
          done({ status: answer.statusCode, headers: kept, body })
        } catch (err) {
          fail(err)
        }
      })
      out.on('error', fail)
      out.end(content)
    })
  }

  /** As at a restart with a newer program: every socket ends, and other files are served. */
  update() {
    this.updated = true
    for (const s of this.sockets) s.destroy()
  }

  async close() {
    for (const s of this.sockets) s.destroy()
    this.server.closeAllConnections()
    await new Promise((done) => this.server.close(done))
  }
}

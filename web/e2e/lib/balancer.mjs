// A plain reverse proxy before several nodes, such as one finds in front of any
// web service.

import { Agent, createServer, request } from 'node:http'
import { connect } from 'node:net'

/**
 * Gives each connection to the next node, and what one node does not accept to another. A request that a node may have
 * begun with is only repeated if that changes nothing.
 */
export class Balancer {
  static async before(ports) {
    const balancer = new Balancer()
    balancer.nodes = ports.map((port) => ({ port, sockets: 0 }))
    balancer.turns = { plain: 0, socket: 0 } // counted apart, so that two people's sockets are at different nodes
    balancer.open = new Set()
    balancer.agent = new Agent({ keepAlive: false })
    balancer.server = createServer((req, res) => balancer.pass(req, res))
    balancer.server.on('connection', (socket) => {
      socket.first = balancer.turns.plain++
      balancer.keep(socket)
    })
    balancer.server.on('upgrade', (req, socket, head) => balancer.upgrade(req, socket, head))
    await new Promise((done) => balancer.server.listen(0, '127.0.0.1', done))
    balancer.port = balancer.server.address().port
    return balancer
  }

  keep(socket) {
    this.open.add(socket)
    socket.on('close', () => this.open.delete(socket))
    socket.on('error', () => socket.destroy())
  }

  /** The nodes in the order in which to try them. */
  order(first) {
    return this.nodes.map((_, i) => this.nodes[(first + i) % this.nodes.length])
  }

  headers(req) {
    return { ...req.headers, 'x-forwarded-for': req.socket.remoteAddress, 'x-forwarded-proto': 'http' }
  }

  async pass(req, res) {
    const parts = []
    try {
      for await (const part of req) parts.push(part)
    } catch {
      return // the client is gone
    }
    const body = Buffer.concat(parts)
    for (const node of this.order(req.socket.first)) {
      const { answer, error } = await this.ask(node, req, body)
      if (answer) {
        res.writeHead(answer.statusCode, answer.statusMessage, answer.rawHeaders)
        answer.on('error', () => res.destroy())
        return void answer.pipe(res)
      }
      if (error.code !== 'ECONNREFUSED' && req.method !== 'GET' && req.method !== 'HEAD') break
    }
    res.writeHead(502).end()
  }

  ask(node, req, body) {
    return new Promise((done) => {
      const { port } = node
      const { 'transfer-encoding': _, ...headers } = this.headers(req)
      if (body.length > 0) headers['content-length'] = body.length
      const out = request({ host: '127.0.0.1', port, method: req.method, path: req.url, headers, agent: this.agent })
      out.on('response', (answer) => done({ answer }))
      out.on('error', (error) => done({ error }))
      out.end(body)
    })
  }

  async upgrade(req, near, head) {
    for (const node of this.order(this.turns.socket++)) {
      const far = connect(node.port, '127.0.0.1')
      this.keep(far)
      if (!(await new Promise((done) => far.once('connect', () => done(true)).once('close', () => done(false))))) continue
      if (near.destroyed) return void far.destroy()
      node.sockets++
      const headers = Object.entries(this.headers(req)).map(([name, value]) => `${name}: ${value}\r\n`)
      far.write(`${req.method} ${req.url} HTTP/1.1\r\n${headers.join('')}\r\n`)
      far.write(head)
      for (const [a, b] of [[near, far], [far, near]]) {
        a.on('close', () => b.destroy())
        a.pipe(b)
      }
      return
    }
    near.end('HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n')
  }

  async close() {
    for (const socket of this.open) socket.destroy()
    await new Promise((done) => this.server.close(done))
    this.agent.destroy()
  }
}

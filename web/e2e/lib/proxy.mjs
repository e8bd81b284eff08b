import { connect, createServer } from 'node:net'

/** A wire between browser and server that can be cut: what is under way is lost, and nothing new gets through. */
export class Wire {
  static async to({ port, wirePort = 0 }) {
    const wire = new Wire()
    wire.open = true
    wire.pairs = new Set()
    wire.server = createServer((near) => {
      if (!wire.open) return void near.destroy()
      const far = connect(port, '127.0.0.1')
      const pair = [near, far]
      wire.pairs.add(pair)
      for (const [a, b] of [pair, [far, near]]) {
        a.on('error', () => b.destroy())
        a.on('close', () => (b.destroy(), wire.pairs.delete(pair)))
        a.pipe(b)
      }
    })
    await new Promise((done) => wire.server.listen(wirePort, '127.0.0.1', done))
    wire.url = `http://127.0.0.1:${wire.server.address().port}`
    return wire
  }

  cut() {
    this.open = false
    for (const pair of this.pairs) for (const s of pair) s.destroy()
  }

  mend() {
    this.open = true
  }

  async close() {
    this.cut()
    await new Promise((done) => this.server.close(done))
  }
}

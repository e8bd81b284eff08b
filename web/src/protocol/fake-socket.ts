// A WebSocket whose other end is the test.

interface Sent {
  id: number
  method: string
  params?: unknown
}

export class FakeSocket {
  static readonly all: FakeSocket[] = []
  readyState = 0
  onopen: (() => void) | null = null
  onmessage: ((m: { data: string }) => void) | null = null
  onclose: ((e: { code: number }) => void) | null = null
  sent: Sent[] = []

  constructor() {
    FakeSocket.all.push(this)
  }

  static get last(): FakeSocket {
    return FakeSocket.all[FakeSocket.all.length - 1]!
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Sent)
  }

  close(): void {
    this.readyState = 3
  }

  /** The other end accepts. */
  open(): void {
    this.readyState = 1
    this.onopen?.()
  }

  /** The other end sends a frame. */
  say(frame: object): void {
    this.onmessage?.({ data: JSON.stringify({ jsonrpc: '2.0', ...frame }) })
  }

  /** The other end answers the newest request of a method. */
  answer(method: string, result: unknown): void {
    const request = this.sent.findLast((s) => s.method === method)
    if (!request) throw new Error(`no request of ${method}`)
    this.say({ id: request.id, result })
  }

  /** The connection ends. */
  end(code: number): void {
    this.readyState = 3
    this.onclose?.({ code })
  }
}

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { afterClose, backoff } from './backoff'
import type { ApiError } from './error'
import { decode } from './frames'
import { FakeSocket } from './fake-socket'
import { place } from './position'
import { Socket, type Status } from './socket'
import type { Event } from './types'

const flush = () => vi.advanceTimersByTimeAsync(0)

function setup(more: { answer?: 'over' | 'alive'; offline?: () => boolean } = {}) {
  const statuses: (Status['kind'] | 'blocked')[] = []
  const frames: string[] = []
  const socket: Socket = new Socket({
    open: () => new FakeSocket() as unknown as WebSocket,
    greet: async () => void (await socket.call('sync', {})),
    onFrame: (f) => frames.push(f.kind),
    onStatus: (s) => statuses.push(s.kind === 'reconnecting' && s.blocked ? 'blocked' : s.kind),
    ask: async () => more.answer ?? 'silent',
    isOffline: more.offline ?? (() => false),
    random: () => 0.5,
  })
  const connect = async () => {
    FakeSocket.last.open()
    FakeSocket.last.answer('sync', {})
    await flush()
  }
  socket.start()
  return { socket, statuses, frames, connect }
}

describe('the socket', () => {
  beforeEach(() => {
    vi.useFakeTimers()
    FakeSocket.all.length = 0
  })
  afterEach(() => vi.useRealTimers())

  it('is online only after the sync', async () => {
    const { statuses, socket } = setup()
    FakeSocket.last.open()
    await flush()
    expect(socket.isOnline).toBe(false)
    FakeSocket.last.answer('sync', {})
    await flush()
    expect(statuses).toEqual(['connecting', 'online'])
    socket.stop()
  })

  it('matches answers to calls in any order, and passes refusals on', async () => {
    const { socket, connect } = setup()
    await connect()
    const a = socket.call('ping', {})
    const b = socket.call('room.get', { room: 'x' }).catch((e: unknown) => e)
    const [idA, idB] = FakeSocket.last.sent.slice(-2).map((s) => s.id)
    FakeSocket.last.say({ id: idB, error: { code: -32004, message: 'not there', data: { code: 'not_found' } } })
    FakeSocket.last.say({ id: idA, result: { ok: 1 } })
    expect(await a).toEqual({ ok: 1 })
    expect(await b).toMatchObject({ code: 'not_found', message: 'not there' })
    socket.stop()
  })

  it('gives a refusal without an id to the call that it belongs to', async () => {
    const { socket, connect } = setup()
    await connect()
    const unread = { id: null, error: { code: -32700, message: 'not JSON' } }
    const call = () => {
      const result = socket.call('ping', {}).then(() => 'ok', (e: ApiError) => e.code)
      return { result, id: FakeSocket.last.sent.at(-1)!.id }
    }
    const alone = call()
    FakeSocket.last.say(unread)
    expect(await alone.result).toBe('invalid')

    const [a, b, c] = [call(), call(), call()]
    FakeSocket.last.say({ id: a.id, result: {} })
    FakeSocket.last.say(unread)
    const later = call() // not under way when the refusal came
    FakeSocket.last.say({ id: c.id, result: {} })
    expect(await b.result).toBe('invalid')
    FakeSocket.last.say({ id: later.id, result: {} })
    expect([await a.result, await c.result, await later.result]).toEqual(['ok', 'ok', 'ok'])

    const [d, e, f] = [call(), call(), call()]
    FakeSocket.last.say(unread)
    FakeSocket.last.say(unread)
    FakeSocket.last.say({ id: e.id, result: {} })
    expect([await d.result, await e.result, await f.result]).toEqual(['invalid', 'ok', 'invalid'])

    FakeSocket.last.say(unread) // about nothing that is known here
    const last = call()
    FakeSocket.last.say({ id: last.id, result: {} })
    expect(await last.result).toBe('ok')
    socket.stop()
  })

  it('sends half characters as ones that can be read', async () => {
    const { socket, connect } = setup()
    await connect()
    const raw: string[] = []
    FakeSocket.last.send = (text) => void raw.push(text)
    void socket.call('message.send', { room: 'r', text: 'x\ud83d', client_id: 'c' }).catch(() => {})
    expect(raw[0]).toContain('"x\ufffd"')
    socket.stop()
  })

  it('comes back after a loss, later each time, and refuses what was under way', async () => {
    const { socket, statuses, connect } = setup()
    await connect()
    const lost = socket.call('ping', {}).catch((e: unknown) => e)
    FakeSocket.last.end(1006)
    expect(await lost).toMatchObject({ code: 'unavailable' })
    const waits: number[] = []
    for (let i = 0; i < 4; i++) {
      const before = FakeSocket.all.length
      let waited = 0
      while (FakeSocket.all.length === before) {
        await vi.advanceTimersByTimeAsync(50)
        waited += 50
      }
      waits.push(waited)
      FakeSocket.last.end(1006)
    }
    expect(waits).toEqual([250, 500, 1000, 2000])
    await vi.advanceTimersByTimeAsync(30_000)
    await connect()
    expect(statuses[statuses.length - 1]).toBe('online')
    socket.stop()
  })

  it('gives up when the session is over', async () => {
    const { statuses, connect } = setup()
    await connect()
    FakeSocket.last.end(4001)
    await vi.advanceTimersByTimeAsync(120_000)
    expect(statuses[statuses.length - 1]).toBe('refused')
    expect(FakeSocket.all).toHaveLength(1)
  })

  it('asks whether the session is over when the upgrade fails', async () => {
    const { statuses } = setup({ answer: 'over' })
    FakeSocket.last.end(1006)
    await flush()
    expect(statuses[statuses.length - 1]).toBe('refused')
  })

  it('tells when only the socket does not get through', async () => {
    const { socket, statuses, connect } = setup({ answer: 'alive' })
    for (let i = 0; i < 4; i++) {
      const before = FakeSocket.all.length
      FakeSocket.last.end(1006)
      while (FakeSocket.all.length === before) await vi.advanceTimersByTimeAsync(50)
    }
    expect(statuses[statuses.length - 1]).toBe('blocked')
    await connect()
    expect(statuses[statuses.length - 1]).toBe('online')
    socket.stop()
  })

  it('gives up when sync says so', async () => {
    const { statuses } = setup()
    FakeSocket.last.open()
    FakeSocket.last.say({ id: 1, error: { code: -32001, message: 'log in first', data: { code: 'unauthenticated' } } })
    await flush()
    expect(statuses[statuses.length - 1]).toBe('refused')
  })

  it('notices a connection that died in silence', async () => {
    const { socket, statuses, connect } = setup()
    await connect()
    await vi.advanceTimersByTimeAsync(25_000)
    expect(FakeSocket.last.sent[FakeSocket.last.sent.length - 1]).toMatchObject({ method: 'ping' })
    await vi.advanceTimersByTimeAsync(10_000)
    expect(statuses[statuses.length - 1]).toBe('reconnecting')
    socket.stop()
  })

  it('stays while the other end answers', async () => {
    const { socket, statuses, connect } = setup()
    await connect()
    for (let i = 0; i < 3; i++) {
      await vi.advanceTimersByTimeAsync(25_000)
      FakeSocket.last.answer('ping', {})
    }
    expect(statuses).toEqual(['connecting', 'online'])
    expect(FakeSocket.all).toHaveLength(1)
    socket.stop()
  })

  it('tries at once when woken', async () => {
    const { socket, connect } = setup()
    await connect()
    FakeSocket.last.end(1006)
    socket.wake()
    expect(FakeSocket.all).toHaveLength(2)
    socket.stop()
  })

  it('gives up a connection that does not open', async () => {
    const { socket } = setup()
    await vi.advanceTimersByTimeAsync(11_000)
    expect(FakeSocket.all.length).toBeGreaterThan(1)
    socket.stop()
  })

  it('says offline when the browser does', async () => {
    const { socket, statuses, connect } = setup({ offline: () => true })
    await connect()
    FakeSocket.last.end(1006)
    expect(statuses[statuses.length - 1]).toBe('offline')
    socket.stop()
  })

  it('connects again after a frame that is none', async () => {
    const { socket, statuses, connect } = setup()
    await connect()
    FakeSocket.last.onmessage?.({ data: '{' })
    expect(statuses[statuses.length - 1]).toBe('reconnecting')
    socket.stop()
  })
})

describe('after a close', () => {
  const half = () => 0.5
  it.each([
    [1000, 0, null, { kind: 'retry', afterMs: 250 }],
    [1001, 0, 4000, { kind: 'retry', afterMs: 4000 }],
    [1012, 0, null, { kind: 'retry', afterMs: 250 }],
    [1006, 3, null, { kind: 'retry', afterMs: 2000 }],
    [1006, 50, null, { kind: 'retry', afterMs: 15000 }],
    [1008, 0, null, { kind: 'refused' }],
    [4001, 5, null, { kind: 'refused' }],
    [4003, 0, null, { kind: 'retry', afterMs: 62500 }],
    [4008, 0, null, { kind: 'retry', afterMs: 0 }],
    [4008, 2, null, { kind: 'retry', afterMs: 1000 }],
    [1009, 0, null, { kind: 'retry', afterMs: 30000 }],
  ])('with code %i, attempt %i, hint %s', (code, attempt, hint, want) => {
    expect(afterClose(code, attempt, hint, half)).toEqual(want)
  })
  it('waits somewhere between nothing and the ceiling', () => {
    expect(backoff(2, () => 0)).toBe(0)
    expect(backoff(2, () => 0.999)).toBe(1998)
  })
})

describe('the place of an event', () => {
  const e = { epoch: 'e', seq: 5, id: 'five', prev: 'four' } as Event
  it.each([
    [{ epoch: 'e', seq: 4, id: 'four' }, 'next'],
    [{ epoch: 'e', seq: 4 }, 'next'],
    [{ epoch: 'e', seq: 4, id: 'other' }, 'gap'],
    [{ epoch: 'e', seq: 5, id: 'five' }, 'known'],
    [{ epoch: 'e', seq: 9, id: 'nine' }, 'known'],
    [{ epoch: 'e', seq: 3, id: 'three' }, 'gap'],
    [{ epoch: 'other', seq: 4, id: 'four' }, 'gap'],
  ])('seen from %o is %s', (p, want) => expect(place(p, e)).toBe(want))
})

describe('frames', () => {
  it('that are no JSON-RPC 2.0 are refused', () => {
    for (const text of ['', 'x', '[]', 'null', '{"jsonrpc":"1.0"}', '{"jsonrpc":"2.0"}']) expect(() => decode(text), text).toThrow()
  })
  it('of a later version are passed on as unknown', () => {
    expect(decode('{"jsonrpc":"2.0","method":"weather","params":{}}')).toEqual({ kind: 'unknown', method: 'weather' })
  })
})

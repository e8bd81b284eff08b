// @vitest-environment happy-dom
import { beforeEach, describe, expect, it } from 'vitest'
import { ApiError, unavailable } from '../protocol/error'
import type { Message } from '../protocol/types'
import { drafts, localItems, newClientID } from './keep'
import { type Item, Outbox } from './outbox'

/** A server that keeps each client id once, and whose answers the test gives. */
class Server {
  messages: Message[] = []
  calls: string[] = []
  fail: ((i: Item) => Error | undefined) | null = null
  loseAnswers = false

  send = async (i: Item): Promise<Message> => {
    this.calls.push(i.client_id)
    const err = this.fail?.(i)
    if (err) throw err
    let m = this.messages.find((x) => x.client_id === i.client_id)
    if (!m) {
      const no = this.messages.filter((x) => x.room === i.room).length + 1
      m = { room: i.room, no, id: `m${no}`, seq: no, from: 'me', text: i.text, client_id: i.client_id, at: '' }
      this.messages.push(m)
    }
    if (this.loseAnswers) throw unavailable()
    return m
  }
}

const settled = () => new Promise((done) => setTimeout(done, 0))

describe('the outbox', () => {
  let server: Server
  let now: number
  let timers: { ms: number; f: () => void }[]
  const make = () =>
    new Outbox({
      storage: localItems('me', localStorage),
      send: server.send,
      newID: newClientID,
      now: () => now,
      onChange: () => {},
      after: (ms, f) => timers.push({ ms, f }),
    })
  beforeEach(() => {
    localStorage.clear()
    server = new Server()
    now = Date.parse('2026-01-02T03:04:05Z')
    timers = []
  })

  it('sends in order, one after the other', async () => {
    const box = make()
    box.setOnline(true)
    for (const text of ['a', 'b', 'c']) box.add('r', text)
    await settled()
    expect(server.messages.map((m) => m.text)).toEqual(['a', 'b', 'c'])
    expect(box.list.map((i) => i.state)).toEqual(['sent', 'sent', 'sent'])
    expect(localStorage.length).toBe(0)
    box.settle('r', 2)
    expect(box.list.map((i) => i.text)).toEqual(['c'])
  })

  it('keeps what was written offline over a reload, and sends it once', async () => {
    make().add('r', 'a')
    const box = make()
    expect(box.list.map((i) => i.text)).toEqual(['a'])
    box.add('r', 'b')
    expect(server.calls).toEqual([])
    box.setOnline(true)
    await settled()
    expect(server.messages.map((m) => m.text)).toEqual(['a', 'b'])
  })

  it('waits as long as a slow room asks, and goes by itself, or when that is over', async () => {
    const box = make()
    box.setOnline(true)
    server.fail = () => new ApiError('rate_limited', 'slow', { retryAfterMs: 20_000 })
    const { client_id } = box.add('r', 'a')
    box.add('other', 'b')
    await settled()
    expect(box.list[0]).toMatchObject({ client_id, state: 'pending', waits: now + 20_000 })
    expect(timers.map((t) => t.ms)).toEqual([20_000, 20_000])
    server.fail = null
    box.hurry('r') // slow mode was turned off
    await settled()
    expect(box.list.map((i) => [i.state, i.waits])).toEqual([['sent', undefined], ['pending', now + 20_000]])
    for (const t of timers) t.f()
    await settled()
    expect(server.messages.map((m) => m.text)).toEqual(['a', 'b'])
    expect(server.calls).toHaveLength(4) // each once in vain and once more, with the same id
  })

  it('sends again with the same client id when the answer was lost', async () => {
    const box = make()
    server.loseAnswers = true
    box.setOnline(true)
    box.add('r', 'a')
    box.add('r', 'b')
    await settled()
    expect(box.list.map((i) => i.state)).toEqual(['pending', 'pending'])
    server.loseAnswers = false
    const later = make() // and over a reload
    later.setOnline(true)
    await settled()
    expect(server.messages.map((m) => m.text)).toEqual(['a', 'b'])
    expect(new Set(server.calls).size).toBe(2)
  })

  it('does not let a message overtake one that waits', async () => {
    const box = make()
    box.setOnline(true)
    server.fail = (i) => (i.text === 'a' ? new ApiError('rate_limited', 'wait', { retryAfterMs: 700 }) : undefined)
    box.add('r', 'a')
    box.add('r', 'b')
    box.add('other', 'c')
    await settled()
    expect(server.messages.map((m) => m.text)).toEqual(['c'])
    expect(timers.map((t) => t.ms)).toEqual([700])
    server.fail = null
    timers[0]!.f()
    await settled()
    expect(server.messages.map((m) => m.text)).toEqual(['c', 'a', 'b'])
  })

  it('shows a refusal, and goes on with the next', async () => {
    const box = make()
    box.setOnline(true)
    server.fail = (i) => (i.text === 'a' ? new ApiError('too_large', 'this is too large: send it in parts') : undefined)
    const a = box.add('r', 'a')
    box.add('r', 'b')
    await settled()
    expect(box.list[0]).toMatchObject({ state: 'failed', error: 'This is too large: send it in parts.' })
    expect(server.messages.map((m) => m.text)).toEqual(['b'])
    expect(make().list.map((i) => i.state)).toEqual(['failed']) // also after a reload
    server.fail = null
    box.retry(a.client_id)
    await settled()
    expect(server.messages.map((m) => m.text)).toEqual(['b', 'a'])
  })

  it('gives up on a server that is broken for one message, after a while', async () => {
    const box = make()
    box.setOnline(true)
    server.fail = () => new ApiError('internal', 'something went wrong')
    box.add('r', 'a')
    for (let i = 0; i < 10; i++) {
      await settled()
      timers.pop()?.f()
    }
    expect(box.list[0]!.state).toBe('failed')
    expect(server.calls.length).toBe(5)
  })

  it.each([
    ['is never answered', unavailable('error.late')],
    ['ends the connection each time', unavailable('error.cut')],
    ['is a fault of the server each time', new ApiError('internal', 'something went wrong')],
    ['cannot be read', new ApiError('invalid', 'not JSON')],
    ['throws here', new TypeError('files is not a list')],
  ])('offers a message that %s to the person, and sends what follows', async (_, fault) => {
    const box = make()
    box.setOnline(true)
    server.fail = (i) => (i.text === 'bad' ? fault : undefined)
    box.add('r', 'bad')
    box.add('r', 'good')
    for (let i = 0; i < 10; i++) {
      await settled()
      box.setOnline(true) // the connection is back each time
    }
    expect(server.messages.map((m) => m.text)).toEqual(['good'])
    expect(box.list[0]).toMatchObject({ text: 'bad', state: 'failed' })
    expect(box.list[0]!.error).toBeTruthy()
    expect(make().list).toMatchObject([{ text: 'bad', state: 'failed' }]) // over a reload, too
  })

  it('waits out a server that says it cannot take anything now, and says so', async () => {
    const box = make()
    box.setOnline(true)
    server.fail = () => new ApiError('unavailable', 'the store is read-only')
    box.add('r', 'a')
    for (let i = 0; i < 20; i++) {
      await settled()
      timers.pop()?.f()
    }
    await settled()
    expect(box.list[0]).toMatchObject({ state: 'pending', error: 'The store is read-only.' })
    server.fail = null
    timers.pop()?.f()
    await settled()
    expect(box.list[0]).toMatchObject({ state: 'sent', error: undefined })
  })

  it('sends half characters and soft line breaks as text that can be read', async () => {
    const box = make()
    box.setOnline(true)
    for (const text of ['cut \ud83d', 'one\u000btwo', 'a\u0007b', 'x\r\ny']) box.add('r', text)
    await settled()
    expect(server.messages.map((m) => m.text)).toEqual(['cut \ufffd', 'one\ntwo', 'ab', 'x\ny'])
  })

  it('ignores what it cannot make sense of in storage', async () => {
    const put = (id: string, value: unknown) => localStorage.setItem(`parley:outbox:me:${id}`, typeof value === 'string' ? value : JSON.stringify(value))
    put('1', '{"client_id":"1","text":')
    put('2', null)
    put('3', { client_id: '3', text: 'no room', state: 'pending' })
    put('4', { client_id: '4', room: 'r', text: 'odd files', files: 'x', at: 'never', state: 'pending' })
    put('5', [1, 2])
    const box = make()
    box.setOnline(true)
    box.add('r', 'next')
    await settled()
    expect(server.messages.map((m) => m.text)).toEqual(['odd files', 'next'])
  })

  it('does not repeat by itself what the server may have forgotten', async () => {
    const box = make()
    server.loseAnswers = true
    box.setOnline(true)
    const item = box.add('r', 'a')
    await settled()
    server.loseAnswers = false
    now += 24 * 3600_000
    const later = make()
    later.setOnline(true)
    await settled()
    expect(server.calls.length).toBe(1)
    expect(later.list[0]).toMatchObject({ state: 'failed', client_id: item.client_id })
    later.retry(item.client_id)
    await settled()
    expect(server.calls[1]).not.toBe(item.client_id)
  })

  it('sends nothing that was discarded, or came back as an event', async () => {
    const box = make()
    const item = box.add('r', 'a')
    box.remove(item.client_id)
    box.setOnline(true)
    await settled()
    expect(server.calls).toEqual([])
    expect(localStorage.length).toBe(0)
  })
})

describe('client ids', () => {
  it('sort as they were made', () => {
    const ids = Array.from({ length: 100 }, () => newClientID())
    expect([...ids].sort()).toEqual(ids)
    expect(new Set(ids).size).toBe(100)
    for (const id of ids) expect(id).toMatch(/^[a-z0-9-]{1,64}$/)
  })
})

describe('drafts', () => {
  it('are kept by room and person', () => {
    const mary = drafts('mary', localStorage)
    mary.set('a', 'one')
    mary.set('b', 'two')
    drafts('joe', localStorage).set('a', 'not hers')
    mary.set('b', '')
    expect(drafts('mary', localStorage).all()).toEqual({ a: 'one' })
    mary.clear()
    expect([mary.all(), drafts('joe', localStorage).all()]).toEqual([{}, { a: 'not hers' }])
    localStorage.clear()
  })
})

import { expect, it } from 'vitest'
import { ApiError, unavailable } from '../protocol/error'
import type { ServerInfo } from '../protocol/types'
import { cannotSave, Degraded } from './degraded'

const settled = () => new Promise((done) => setTimeout(done))

function setUp() {
  const s = {
    why: undefined as Record<string, string> | undefined,
    reachable: true,
    asked: 0,
    works: 0,
    info: null as ServerInfo | null,
    timers: new Set<() => void>(),
  }
  const degraded = new Degraded({
    info: () => {
      s.asked++
      return s.reachable ? Promise.resolve({ name: 'x', degraded: s.why } as ServerInfo) : Promise.reject(unavailable())
    },
    onInfo: (info) => (s.info = info),
    onWorks: () => s.works++,
    after: (_, f) => {
      s.timers.add(f)
      return () => s.timers.delete(f)
    },
  })
  const tick = async () => {
    const [next] = s.timers
    if (next) s.timers.delete(next)
    next?.()
    await settled()
  }
  return { s, degraded, tick }
}

const refusal = () => new ApiError('unavailable', 'the store is full')

it('asks after a refusal, and again until the server saves', async () => {
  const { s, degraded, tick } = setUp()
  s.why = { store: 'full' }
  degraded.failed(refusal())
  degraded.failed(refusal())
  await settled()
  expect(cannotSave(s.info)).toBe(true)
  degraded.failed(refusal())
  await tick()
  expect(s.asked).toBe(2) // not once for each refusal
  s.reachable = false
  await tick()
  expect(cannotSave(s.info)).toBe(true)
  s.reachable = true
  s.why = undefined
  await tick()
  expect([cannotSave(s.info), s.works, s.timers.size]).toEqual([false, 1, 0])
})

it('asks once where all works, or only the limits do not', async () => {
  const { s, degraded } = setUp()
  s.why = { limits: 'denied' }
  degraded.failed(refusal())
  await settled()
  expect([cannotSave(s.info), s.asked, s.works, s.timers.size]).toEqual([false, 1, 0, 0])
})

it('does not ask when the connection is at fault, or the request', async () => {
  const { s, degraded } = setUp()
  for (const err of [unavailable(), unavailable('error.late'), new ApiError('forbidden', 'no'), new Error('x')]) degraded.failed(err)
  await settled()
  expect(s.asked).toBe(0)
})

it('ends with the connection', async () => {
  const { s, degraded, tick } = setUp()
  s.why = { store: 'full' }
  degraded.failed(refusal())
  await settled()
  degraded.stop()
  await tick()
  expect([s.asked, s.timers.size]).toEqual([1, 0])
})

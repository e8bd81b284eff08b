import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { record, type Recorded } from './recording'

class Recorder {
  static isTypeSupported = (type: string) => type === 'audio/mp4'
  static last: Recorder
  state = 'inactive'
  mimeType: string
  onstart?: () => void
  onstop?: () => void
  ondataavailable?: (e: { data: Blob }) => void
  constructor(_: unknown, { mimeType }: { mimeType: string }) {
    this.mimeType = mimeType
    Recorder.last = this
  }
  start() {
    this.state = 'recording'
    this.onstart!()
  }
  give(bytes: number) {
    this.ondataavailable!({ data: new Blob(['x'.repeat(bytes)]) })
  }
  /** As in browsers, the rest and the end come later. */
  stop() {
    this.state = 'inactive'
  }
  end() {
    this.give(10)
    this.onstop!()
  }
}

const stopped = vi.fn()
const nothing = { connect: () => {}, getFloatTimeDomainData: () => {} }
let found: Recorded | null

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
  found = null
  stopped.mockClear()
  vi.stubGlobal('MediaRecorder', Recorder)
  vi.stubGlobal('AudioContext', class {
    createAnalyser = () => nothing
    createMediaStreamSource = () => nothing
    close = async () => {}
  })
  vi.stubGlobal('navigator', { mediaDevices: { getUserMedia: async () => ({ getTracks: () => [{ stop: stopped }] }) } })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const start = (limit: number) => record(limit, (recorded) => (found = recorded))

it('gives what was recorded and frees the microphone', async () => {
  const { stop, elapsed } = await start(1000)
  vi.advanceTimersByTime(2500)
  Recorder.last.give(100)
  expect(elapsed()).toBe(2500)
  stop()
  Recorder.last.end()
  expect(found).toMatchObject({ duration: 2500, full: false })
  expect(found!.data).toMatchObject({ size: 110, type: 'audio/mp4' })
  expect(stopped).toHaveBeenCalled()
})

it('stops by itself before it is too large to be sent', async () => {
  await start(1000)
  for (let i = 0; i < 8; i++) Recorder.last.give(100)
  expect(Recorder.last.state).toBe('recording')
  Recorder.last.give(100)
  expect(Recorder.last.state).toBe('inactive')
  Recorder.last.end()
  expect(found).toMatchObject({ full: true })
  expect(found!.data.size).toBeLessThanOrEqual(1000)
})

it('stops by itself after ten minutes', async () => {
  await start(1e9)
  vi.advanceTimersByTime(599_000)
  Recorder.last.give(100)
  expect(Recorder.last.state).toBe('recording')
  vi.advanceTimersByTime(1_000)
  Recorder.last.give(100)
  expect(Recorder.last.state).toBe('inactive')
})

it('leaves nothing when it is cancelled', async () => {
  const { cancel } = await start(1000)
  Recorder.last.give(100)
  cancel()
  expect(stopped).toHaveBeenCalled()
  Recorder.last.end()
  expect(found).toBeNull()
})

it('fails where the page is not secure, without asking', async () => {
  vi.stubGlobal('navigator', {})
  await expect(start(1000)).rejects.toMatchObject({ name: 'SecurityError' })
})

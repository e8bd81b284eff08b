import { beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError } from '../protocol/error'
import type { Preview } from '../protocol/types'
import type { State } from './state'

const call = vi.hoisted(() => vi.fn())
vi.mock('./actions', () => ({ call }))
const { hasLinks, lookAt, useLinks } = await import('./links')
const { useApp } = await import('./store')

describe('a text', () => {
  it.each([
    ['see https://a.test/', true],
    ['[x](http://a.test)', true],
    ['HTTPS://A.TEST', true],
    ['`https://a.test`', false],
    ['```\nhttps://a.test\n```', false],
    ['```\nhttps://a.test', false],
    ['`x` https://a.test `y`', true],
    ['<https://a.test>', false],
    ['xhttps://a.test', false],
    ['https:// and more', false],
    ['no link', false],
  ])('%j has links: %s', (text, want) => expect(hasLinks(text)).toBe(want))
})

describe('links', () => {
  const asked: { no: number; answer: (previews: Preview[]) => void; refuse: (err: Error) => void }[] = []
  const page = (no: number, extra: Partial<Preview> = {}): Preview => ({ url: `https://a.test/${no}`, title: `Page ${no}`, ...extra })
  const message = (no: number, text = `https://a.test/${no}`) => ({ room: 'r', no, text })
  const settled = () => new Promise((done) => setTimeout(done))
  beforeEach(() => {
    asked.length = 0
    call.mockReset()
    call.mockImplementation((_action: string, { no }: { no: number }) =>
      new Promise((resolve, reject) => asked.push({ no, answer: (previews) => resolve({ previews }), refuse: reject })))
    useApp.setState({ chat: null })
    useApp.setState({ status: { kind: 'online' }, chat: { me: { id: 'u' } } as State })
  })

  it('are asked for few at a time, and only while they are seen', async () => {
    const leave = [1, 2, 3, 4, 5].map((no) => lookAt(message(no)))
    expect(asked.map((a) => a.no)).toEqual([1, 2, 3])
    leave[3]!()
    asked[0]!.answer([page(1)])
    await settled()
    expect(asked.map((a) => a.no)).toEqual([1, 2, 3, 5])
    expect(useLinks.getState().found['r/1']).toEqual({ text: 'https://a.test/1', previews: [page(1)] })
    lookAt(message(1))()
    for (const a of asked.slice(1)) a.answer([])
    await settled()
    expect(asked).toHaveLength(4)
    for (const l of leave) l()
  })

  it('are asked for again when the text has changed, and not while there is no connection', async () => {
    const leave = lookAt(message(1))
    asked[0]!.answer([page(1)])
    await settled()
    leave()
    useApp.setState({ status: { kind: 'offline' } })
    const stop = lookAt(message(1, 'https://a.test/2'))
    expect(asked).toHaveLength(1)
    useApp.setState({ status: { kind: 'online' } })
    expect(asked).toHaveLength(2)
    asked[1]!.answer([page(2)])
    await settled()
    expect(useLinks.getState().found['r/1']!.previews).toEqual([page(2)])
    stop()
  })

  it('wait as long as the server says, and are forgotten with the session', async () => {
    vi.useFakeTimers()
    const leave = lookAt(message(1))
    asked[0]!.refuse(new ApiError('rate_limited', '', { retryAfterMs: 2_000 }))
    await vi.advanceTimersByTimeAsync(1_900)
    expect(asked).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(asked).toHaveLength(2)
    vi.useRealTimers()
    asked[1]!.refuse(new ApiError('not_found', ''))
    await settled()
    expect(useLinks.getState().found['r/1']!.previews).toEqual([])
    leave()
    useApp.setState({ chat: null })
    expect(useLinks.getState().found).toEqual({})
  })

  it('carry no other address than a web page, and no picture from elsewhere', async () => {
    const leave = lookAt(message(1))
    asked[0]!.answer([page(1, { url: 'javascript:alert(1)' }), page(2, { image: 'https://evil.test/x.png' }), page(3, { image: '//evil.test/x' }), page(4, { image: '/api/v1/x' })])
    await settled()
    expect(useLinks.getState().found['r/1']!.previews.map((p) => [p.title, p.image])).toEqual([['Page 2', undefined], ['Page 3', undefined], ['Page 4', '/api/v1/x']])
    leave()
  })
})

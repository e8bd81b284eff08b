import { beforeEach, describe, expect, it } from 'vitest'
import { ApiError } from '../protocol/error'
import type { Document } from '../protocol/types'
import { documentOf, Documents } from './documents'

/** The server's side: documents with versions. */
class Server {
  kept = new Map<string, Document>()
  away = false
  call = async (action: string, params: object) => {
    await Promise.resolve()
    if (this.away) throw new ApiError('unavailable', '')
    if (action === 'document.list') return { documents: [...this.kept.values()] } as never
    const { name, was, value } = params as { name: string; was: number; value: Document['value'] }
    if ((this.kept.get(name)?.version ?? 0) !== was) throw new ApiError('conflict', '')
    const now = { name, version: was + 1, value: structuredClone(value) }
    this.kept.set(name, now)
    return now as never
  }
}

const settled = async () => {
  for (let i = 0; i < 30; i++) await Promise.resolve()
}

describe('documents', () => {
  let server: Server
  const open = () => new Documents('u', server.call, localStorage)
  beforeEach(() => {
    localStorage.clear()
    server = new Server()
  })
  const add = (d: Documents, key: string) => d.change('x', (v) => ({ ...v, [key]: 1 }))

  it('show a change at once, and save it', async () => {
    const d = open()
    add(d, 'a')
    expect(documentOf('x')).toEqual({ a: 1 })
    await settled()
    expect(server.kept.get('x')).toEqual({ name: 'x', version: 1, value: { a: 1 } })
  })
  it('repeat a change on what another device has put there', async () => {
    const [one, two] = [open(), open()]
    add(one, 'a')
    await settled()
    add(two, 'b')
    await settled()
    expect(server.kept.get('x')).toEqual({ name: 'x', version: 2, value: { a: 1, b: 1 } })
    one.heard({ stream: 'user:u', kind: 'document', user: 'u', document: 'x', version: 2 })
    await settled()
    expect(documentOf('x')).toEqual({ a: 1, b: 1 })
  })
  it('follow a server that was restored from a backup, and can be changed there', async () => {
    const d = open()
    add(d, 'a')
    await settled()
    const backup = structuredClone(server.kept)
    add(d, 'b')
    await settled()
    server.kept = backup
    await d.fetch()
    expect(documentOf('x')).toEqual({ a: 1 })
    add(d, 'c')
    await settled()
    expect(server.kept.get('x')).toEqual({ name: 'x', version: 2, value: { a: 1, c: 1 } })
    server.kept = new Map() // it knows nothing of it
    const again = open()
    await again.fetch()
    expect(documentOf('x')).toEqual({})
    add(again, 'd')
    await settled()
    expect(server.kept.get('x')?.value).toEqual({ d: 1 })
  })
  it('are not set back by an answer that was on its way when they changed', async () => {
    const d = open()
    add(d, 'a')
    await settled()
    const answer = server.call('document.list', {}).then((list) => structuredClone(list))
    const { call } = server
    let late = () => {}
    server.call = async (action, params) => (action === 'document.list' ? (await new Promise<void>((done) => (late = done)), await answer) : call(action, params))
    const fetched = new Documents('u', (action, params) => server.call(action, params), localStorage)
    const done = fetched.fetch()
    await settled()
    add(fetched, 'b')
    await settled()
    late()
    await done
    expect(documentOf('x')).toEqual({ a: 1, b: 1 })
  })
  it('save what was changed without a connection when there is one, also after a reload', async () => {
    server.away = true
    const d = open()
    add(d, 'a')
    await settled()
    const again = open()
    expect(documentOf('x')).toEqual({ a: 1 })
    server.away = false
    await again.fetch()
    await settled()
    expect(server.kept.get('x')?.value).toEqual({ a: 1 })
  })
})

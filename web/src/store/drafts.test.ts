import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError } from '../protocol/error'
import type { Document } from '../protocol/types'
import { Documents } from './documents'
import { Drafts, mergeDraft } from './drafts'

/** The server's side: documents with versions. */
class Server {
  kept = new Map<string, Document>()
  puts = 0
  call = async (away: () => boolean, action: string, params: object) => {
    await Promise.resolve()
    if (away()) throw new ApiError('unavailable', '')
    if (action === 'document.list') return { documents: structuredClone([...this.kept.values()]) } as never
    const { name, was, value } = params as { name: string; was: number; value: Document['value'] }
    if ((this.kept.get(name)?.version ?? 0) !== was) throw new ApiError('conflict', '')
    this.puts++
    const now = { name, version: was + 1, value: structuredClone(value) }
    this.kept.set(name, now)
    return now as never
  }
  get rooms(): Record<string, string> {
    return (this.kept.get('drafts')?.value.rooms ?? {}) as Record<string, string>
  }
}

/** A storage of its own, as each browser has one. */
function storage() {
  const kept = new Map<string, string>()
  return { getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => void kept.set(k, v), removeItem: (k: string) => void kept.delete(k) }
}

/** One browser; open it again for a reload. */
class Device {
  readonly store = storage()
  texts: Record<string, string> = {}
  away = false
  documents!: Documents
  drafts!: Drafts
  constructor(private readonly server: Server) {
    this.open()
  }
  open() {
    this.drafts?.stop()
    this.documents = new Documents('u', (action, params) => this.server.call(() => this.away, action, params), this.store)
    const drafts = (this.drafts = new Drafts(this.documents, { all: () => this.texts, take: (room, text) => void (this.texts = { ...this.texts, [room]: text }) }, this.store, 'known'))
    this.documents.onServer = (name, value, version) => name === 'drafts' && drafts.heard(value, version)
  }
  async online() {
    this.away = false
    const list = await this.documents.fetch()
    if (!list.some((d) => d.name === 'drafts')) this.drafts.heard(null, 0)
    await settled()
  }
  async write(text: string, room = 'r') {
    this.texts = { ...this.texts, [room]: text }
    this.drafts.written(text)
    await settled()
  }
}

const settled = async () => {
  for (let i = 0; i < 3; i++) await vi.advanceTimersByTimeAsync(2_100)
}

describe('drafts on all devices', () => {
  let server: Server, one: Device, two: Device
  beforeEach(() => {
    vi.useFakeTimers()
    server = new Server()
    one = new Device(server)
    two = new Device(server)
  })
  afterEach(() => void vi.useRealTimers())

  it('follow from one to the other, and go when they are sent', async () => {
    await one.online()
    await one.write('half a thought')
    await two.online()
    expect(two.texts.r).toBe('half a thought')
    await two.write('half a')
    await one.online()
    expect(one.texts.r).toBe('half a')
    await one.write('')
    await two.online()
    expect([two.texts.r, server.rooms]).toEqual(['', {}])
  })

  it('are not handed in again and again', async () => {
    await one.online()
    await one.write('a')
    await settled()
    await one.online()
    expect(server.puts).toBe(1)
  })

  it('an old one does not come back over a newer one', async () => {
    await one.online()
    await one.write('old')
    await two.online()
    two.away = true
    await one.write('new and other')
    await two.online()
    expect([one.texts.r, two.texts.r, server.rooms]).toEqual(['new and other', 'new and other', { r: 'new and other' }])
    await one.write('')
    two.open() // a reload
    await two.online()
    expect([two.texts.r, server.rooms]).toEqual(['', {}])
  })

  it('both are kept where both were written', async () => {
    for (const reload of [false, true]) {
      await one.online()
      await two.online()
      two.away = true
      await two.write('from the')
      await two.write('written in the train')
      if (reload) two.open()
      await one.write('written at the desk')
      await two.online()
      await one.online()
      const both = 'written at the desk\n\nwritten in the train'
      expect([one.texts.r, two.texts.r, server.rooms]).toEqual([both, both, { r: both }])
      await one.write('')
      await two.online()
    }
  })

  it('what was changed while it was on its way is no change of another', async () => {
    await one.online()
    one.texts = { r: 'help' }
    const first = one.drafts.push()
    one.texts = { r: 'heck' }
    await first
    await settled()
    expect([one.texts.r, server.rooms]).toEqual(['heck', { r: 'heck' }])
    // Its answer was lost.
    one.texts = { r: 'hello' }
    const kept = server.call
    server.call = async (away, action, params) => {
      const answer = await kept(away, action, params)
      if (action !== 'document.put') return answer
      throw new ApiError('unavailable', '')
    }
    await one.drafts.push()
    server.call = kept
    await one.write('help me')
    one.open()
    await one.online()
    expect([one.texts.r, server.rooms]).toEqual(['help me', { r: 'help me' }])
  })

  it('a server that has lost them gets them again', async () => {
    await one.online()
    await one.write('kept')
    server.kept.clear()
    one.open()
    await one.online()
    expect([one.texts.r, server.rooms]).toEqual(['kept', { r: 'kept' }])
  })

  it.each(['a reload', 'a connection that was lost'])('a server that was restored from a backup gets what is newer, after %s', async (after) => {
    await one.online()
    await one.write('begun')
    await one.write('other', 'q')
    const backup = structuredClone(server.kept)
    await one.write('begun and ended')
    await one.write('', 'q')
    await one.write('new', 's')
    server.kept = backup
    if (after === 'a reload') one.open()
    await one.online()
    expect([one.texts, server.rooms]).toEqual([{ r: 'begun and ended', q: 'other', s: 'new' }, { r: 'begun and ended', q: 'other', s: 'new' }])
    await one.write('again')
    expect(server.rooms.r).toBe('again')
  })

  it('what there is no room for stays here', async () => {
    await one.online()
    for (let i = 0; i < 10; i++) await one.write('x'.repeat(9_000), `r${i}`)
    const puts = server.puts
    await one.online()
    expect([Object.keys(server.rooms).length, Object.keys(one.texts).length, server.puts]).toEqual([4, 10, puts])
    await one.write('', 'r0')
    await two.online()
    expect(Object.keys(server.rooms).length).toBe(4)
    expect(one.texts.r9).toHaveLength(9_000)
  })
})

it.each([
  ['a', 'a', 'b', 'b'],
  ['a', 'b', 'a', 'b'],
  ['', 'a', 'ab', 'ab'],
  ['', 'ab', 'a', 'ab'],
  ['a', '', 'b', 'b'],
  ['a', 'b', '', 'b'],
  ['a', '', 'a', ''],
  ['', 'mine', 'theirs', 'theirs\n\nmine'],
])('from %j to %j here and %j there comes %j', (agreed, mine, theirs, want) => expect(mergeDraft({ agreed, sent: [] }, mine, theirs)).toBe(want))

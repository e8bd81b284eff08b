// The frames that the server's own tests hold it to: what Go writes, this
// client reads.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { applyEvent, applySignal, applySync, begin, positions } from '../store/reduce'
import type { State } from '../store/state'
import { decode, type Frame } from './frames'
import type { Event, SyncResult } from './types'

const dir = join(import.meta.dirname, '../../../internal/wire/testdata')
const names = readdirSync(dir).filter((f) => f.endsWith('.json'))
const text = (name: string) => readFileSync(join(dir, name), 'utf8')
const frame = (name: string) => decode(text(name))

function event(kind: string): Event {
  const f = frame(`event.${kind}.json`)
  if (f.kind !== 'event') throw new Error(`${kind} is a ${f.kind}`)
  return f.event
}

/** The state of the sync's result, one event before those of the files. */
function state(): State {
  const f = frame('result.sync.json')
  if (f.kind !== 'result') throw new Error('no result')
  const s = begin(f.result as SyncResult)
  const before = { epoch: 'e1', seq: 8, id: '01E8' }
  return { ...s, userPosition: before, serverPosition: before, rooms: { '01R': { ...s.rooms['01R']!, position: before, head_no: 6, read_no: 5, unread: 1 } } }
}

function after(kind: string): State {
  const step = applyEvent(state(), event(kind))
  expect(step.then).toBe('nothing')
  return step.state
}

describe('the server’s frames', () => {
  it.each(names.filter((n) => n !== 'request.json'))('%s is understood', (name) => {
    const want: Record<string, Frame['kind']> = { event: 'event', error: 'error', result: 'result', signal: 'signal', resumed: 'resumed', resync: 'resync', goodbye: 'goodbye' }
    const f = frame(name)
    expect(f.kind).toBe(want[name.split('.')[0]!])
    if (f.kind === 'event') expect(`event.${f.event.kind}.json`).toBe(name)
  })

  it('request.json is what this client sends', () => {
    const want = JSON.parse(text('request.json')) as { method: string; params: object }
    expect(Object.keys(want)).toEqual(['jsonrpc', 'id', 'method', 'params'])
    expect(Object.keys(want.params)).toEqual(['room', 'text', 'client_id'])
  })

  it('message.created is applied', () => {
    const r = after('message.created').rooms['01R']!
    expect(r).toMatchObject({ head_no: 7, read_no: 5, unread: 2, position: { epoch: 'e1', seq: 9, id: '01E9' } })
    expect(r.last!.text).toBe('hi <b>&amp; "you"</b>\nline\u2028 🎉 \\o/')
  })
  it('changes of messages are applied', () => {
    const seen = (kind: string) => {
      const s = state()
      const first = { room: '01R', no: 6, id: '01E7', seq: 7, from: '01V', text: 'before', at: '2026-01-02T03:04:05.678Z', reactions: [{ emoji: '👍🏽', users: ['01V'] }] }
      const timeline = { messages: [first], moreOlder: true, moreNewer: false, following: true }
      const next = applyEvent({ ...s, me: { ...s.me, id: '01W' }, userPosition: s.userPosition, timelines: { '01R': timeline } }, event(kind)).state
      return { message: next.timelines['01R']!.messages[0]!, view: next.rooms['01R']! }
    }
    expect(seen('message.edited')).toMatchObject({ message: { text: '@Zoë and @room', mentions: ['*', '01V'] }, view: { mentions: [6], unread: 1 } })
    expect(seen('message.deleted')).toMatchObject({ message: { text: '', deleted_at: '2026-01-02T04:04:05.678Z' }, view: { unread: 0, deleted: [6] } })
    expect(seen('message.pinned').message).toMatchObject({ pinned_by: '01U', files: [{ name: 'a cat.png', width: 640 }] })
    expect(seen('message.unpinned').message.pinned_at).toBeUndefined()
    expect(seen('thread.moved').message.thread).toMatchObject({ room: 't-1', replies: 2 })
    expect(seen('reaction.added').message.reactions).toEqual([{ emoji: '👍🏽', users: ['01U', '01V'] }])
    expect(seen('reaction.removed').message.reactions).toEqual([{ emoji: '👍🏽', users: ['01V'] }])
  })
  it('messages.trimmed takes the messages away', () => {
    expect(after('messages.trimmed').rooms['01R']).toMatchObject({ trimmed: 6, head_no: 6, unread: 0, last: undefined })
  })
  it('members coming and going are counted', () => {
    const before = state().rooms['01R']!.members
    expect(after('member.joined').rooms['01R']!.members).toBe(before + 1)
    expect(after('member.left').rooms['01R']!.members).toBe(before - 1)
    expect(after('member.updated').rooms['01R']!.role).toBe('moderator')
  })
  it('room.updated is applied', () => expect(after('room.updated').rooms['01R']).toMatchObject({ name: 'Plans', topic: 'Next year' }))
  it('room.joined adds a room', () => {
    const s = { ...state(), rooms: {} }
    expect(applyEvent(s, event('room.joined')).state.rooms['01R']).toMatchObject({ name: 'Plans', unread: 2 })
  })
  it('room.left takes it off', () => expect(after('room.left').rooms).toEqual({}))
  it('read.moved moves the read position', () => expect(after('read.moved').rooms['01R']).toMatchObject({ read_no: 7, unread: 0 }))
  it('session.revoked only moves the position', () => expect(after('session.revoked').userPosition.seq).toBe(9))
  it('user.created and user.updated replace the person', () => {
    expect(after('user.created').people['01V']).toMatchObject({ name: 'Zoë', role: 'admin' })
    expect(after('user.updated').people['01V']!.disabled).toBe(true)
  })
  it('signals are applied', () => {
    const signal = (name: string) => {
      const f = frame(name)
      if (f.kind !== 'signal') throw new Error('no signal')
      return f.signal
    }
    expect(applySignal(state(), signal('signal.typing.json'), 1).typing['01R']).toHaveProperty('01U')
    const s = { ...state(), online: {} }
    const online = applySignal(s, signal('signal.online.json'), 1)
    expect(online.online).toEqual({ '01U': true })
    expect(applySignal(online, signal('signal.offline.json'), 2).online).toEqual({ '01U': false })
  })
  it('sync takes what is gone off the list', () => {
    const f = frame('result.sync.json')
    if (f.kind !== 'result') throw new Error('no result')
    const s = state()
    const left: State = { ...s, rooms: { ...s.rooms, '01X': { ...s.rooms['01R']!, id: '01X' } } }
    expect(Object.keys(applySync(left, f.result as SyncResult, positions(left)).rooms)).toEqual(['01R'])
  })
  it('errors carry their code, field and wait', () => {
    expect(frame('error.json')).toMatchObject({ kind: 'error', id: 3, error: { code: 'invalid', field: 'text' } })
    expect(frame('error.wait.json')).toMatchObject({ error: { code: 'rate_limited', retryAfterMs: 2500 } })
  })
  it('errors say what stands in the way', () => {
    expect(frame('error.because.json')).toMatchObject({ error: { code: 'forbidden', because: { kind: 'muted', until: '2026-03-01T12:00:00Z' } } })
  })
  it('goodbye carries its hint', () => expect(frame('goodbye.json')).toMatchObject({ retryMs: 1500 }))
})

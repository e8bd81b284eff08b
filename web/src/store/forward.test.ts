import { describe, expect, it } from 'vitest'
import { useApp } from './store'
import { forwardedText } from './forward'
import type { State } from './state'
import type { Message } from '../protocol/types'

const state = (kind: string) =>
  ({
    me: { id: 'u1' }, people: { u2: { id: 'u2', name: 'Jo*e' } }, rooms: { r1: { id: 'r1', kind, name: 'Garden [old]' } }, visited: {},
  }) as unknown as State
const message = (text: string) => ({ room: 'r1', no: 7, from: 'u2', text, at: '2026-03-01T12:00:00Z' }) as Message

describe('a message that is sent on', () => {
  it('is quoted under one’s note, with who wrote it and a link', () => {
    const s = state('public')
    useApp.setState({ chat: s })
    expect(forwardedText(s, message('one\n\n@Mary two'), ' look ', 8000)).toBe(
      `look\n\n> **Jo\\*e** · [#Garden \\[old\\]](${location.origin}${location.pathname}#/r/r1/7)\n>\n> one\n>\n> @Mary two`,
    )
  })
  it('does not tell the name of a room that is not public', () => {
    const s = state('private')
    useApp.setState({ chat: s })
    expect(forwardedText(s, message('one'), '', 8000)).not.toContain('Garden')
  })
  it('is cut where a message may not be as long', () => {
    const s = state('public')
    useApp.setState({ chat: s })
    for (const text of ['word '.repeat(300), 'ü€'.repeat(300), 'a\n'.repeat(500)]) {
      const sent = forwardedText(s, message(text), 'look', 400)
      expect(new TextEncoder().encode(sent).length).toBeLessThanOrEqual(400)
      expect(new TextEncoder().encode(sent).length).toBeGreaterThan(300)
      expect(sent.endsWith('…')).toBe(true)
    }
  })
})

import { describe, expect, it } from 'vitest'
import { json, tidy } from './text'

describe('text', () => {
  it.each([
    ['line one\u000bline two', 'line one\nline two'], // PowerPoint's soft break
    ['a\fb\r\nc\rd', 'a\nb\nc\nd'],
    ['a\u2028b\u2029c\u0085d', 'a\nb\nc\nd'],
    ['\u0000a\u0007b\u001bc\u007fd\u009fe', 'abcde'],
    ['tab\tstays', 'tab\tstays'],
    ['half \ud83d', 'half \ufffd'],
    ['\ude00 half', '\ufffd half'],
    ['\ude00\ud83d', '\ufffd\ufffd'],
    ['whole 😀 and 👩‍👩‍👧', 'whole 😀 and 👩‍👩‍👧'],
    ['می‌خواهم', 'می‌خواهم'], // a joiner is part of the word
  ])('%j is sent as %j', (text, want) => expect(tidy(text)).toBe(want))

  it('is well-formed in JSON, wherever it stands', () => {
    expect(JSON.parse(json({ a: ['\ud83d', { b: 'x\udc00y' }], n: 1, none: null, escaped: '\\ud83d' }))).toEqual({ a: ['\ufffd', { b: 'x\ufffdy' }], n: 1, none: null, escaped: '\\ud83d' })
    expect(json('\ud83d')).not.toMatch(/\\ud/)
  })
})

import { describe, expect, it } from 'vitest'
import { typedCall } from './call'

describe('a call that is being written', () => {
  it.each([
    ['@', { from: 0, name: '' }],
    ['@jo', { from: 0, name: 'jo' }],
    ['so @Ada Love', { from: 3, name: 'Ada Love' }],
    ['(@zoë', { from: 1, name: 'zoë' }],
    ['a\n@b', { from: 2, name: 'b' }],
    ['mail@example', null],
    ['@@', null],
    ['@jo ', null],
    ['@one two three four', null],
    ['`@jo', null],
    ['```\n@jo', null],
    ['`a` @jo', { from: 4, name: 'jo' }],
  ])('%j', (text, want) => expect(typedCall(text, text.length)).toEqual(want))
})

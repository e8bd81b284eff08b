import { describe, expect, it } from 'vitest'
import { typedCall, typedRoom } from './call'

describe('a call that is being written', () => {
  it.each([
    ['@', { from: 0, name: '' }],
    ['@jo', { from: 0, name: 'jo' }],
    ['so @Ada Love', { from: 3, name: 'Ada Love' }],
    ['(@zoë', { from: 1, name: 'zoë' }],
    ['a\n@b', { from: 2, name: 'b' }],
    ['＠jo', { from: 0, name: 'jo' }],
    ['こんにちは＠メ', { from: 5, name: 'メ' }],
    ['mail@example', null],
    ['@@', null],
    ['@jo ', null],
    ['@one two three four', null],
    ['`@jo', null],
    ['```\n@jo', null],
    ['`a` @jo', { from: 4, name: 'jo' }],
  ])('%j', (text, want) => expect(typedCall(text, text.length)).toEqual(want))
})

it.each([
  ['see #gen', { from: 4, name: 'gen' }],
  ['#Küche', { from: 0, name: 'Küche' }],
  ['(#a', { from: 1, name: 'a' }],
  ['#', null],
  ['# heading', null],
  ['a#gen', null],
  ['`#gen', null],
  ['https://x/#gen', null],
])('a room is named at the end of %j', (text, want) => expect(typedRoom(text, text.length)).toEqual(want))

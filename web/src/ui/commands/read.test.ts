import { describe, expect, it } from 'vitest'
import { readText, typedCommand } from './read'

const read = (text: string) => readText(text, (name) => ['topic', 'leave'].includes(name))

describe('a text that begins with a slash', () => {
  it.each([
    ['/topic new icons', { name: 'topic', rest: 'new icons' }],
    ['/TOPIC  a\nb', { name: 'topic', rest: 'a\nb' }],
    ['/leave', { name: 'leave', rest: '' }],
    ['/topci new', { unknown: 'topci' }],
    ['/etc', { unknown: 'etc' }],
    ['/etc/hosts is wrong', { send: '/etc/hosts is wrong' }],
    ['/topic/x', { send: '/topic/x' }],
    ['/2 of it', { send: '/2 of it' }],
    ['/', { send: '/' }],
    ['/ topic', { send: '/ topic' }],
    ['//topic is a command', { send: '/topic is a command' }],
    ['// a comment', { send: '// a comment' }],
    ['//todo later', { send: '//todo later' }],
    ['say /topic', { send: 'say /topic' }],
    ['hello', { send: 'hello' }],
  ])('%j', (text, want) => expect(read(text)).toEqual(want))

  it('offers commands while its word is written', () => {
    expect(['/', '/to', '/TO', '/topic ', '/etc/', 'a /to', '', '//to'].map(typedCommand)).toEqual(['', 'to', 'to', null, null, null, null, null])
  })
})

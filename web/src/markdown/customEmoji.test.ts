// @vitest-environment happy-dom
import { describe, expect, it } from 'vitest'
import { onlyEmoji } from '../emoji/only'
import { heardEmoji } from '../store/customEmoji'
import { parse } from './render'

const emoji = [{ name: 'party_blob', alias: 'blobby', picture: '01P', by: 'u' }]
const picture = '<img class="custom-emoji" src="/api/v1/emoji/party_blob?v=01P" alt=":party_blob:" title=":party_blob:">'
const html = (text: string) => parse(text).trim().replace(/^<p>|<\/p>$/g, '')

describe('a custom emoji', () => {
  it('is its name before it is known', async () => {
    expect(html('a :party_blob: b')).toBe('a :party_blob: b')
    await heardEmoji(1, () => Promise.resolve({ revision: 1, emoji }))
  })
  it.each([
    ['a :party_blob: b', `a ${picture} b`],
    [':blobby::blobby:', picture + picture],
    ['10:blobby:30', `10${picture}30`],
    [':x:blobby:', `:x${picture}`],
    ['**:party_blob:**', `<strong>${picture}</strong>`],
    ['`:party_blob:`', '<code>:party_blob:</code>'],
    [':other: :BLOBBY:', ':other: :BLOBBY:'],
  ])('is shown in %s', (text, want) => expect(html(text)).toBe(want))
  it('is large alone, as others are', () => {
    for (const text of [':party_blob:', ' :blobby: 🎉\n', '❤️👍🏽', '🇩🇪', '1️⃣', '👩‍👩‍👧']) expect(onlyEmoji(text), text).toBe(true)
    for (const text of ['', ' ', ':other:', 'a :blobby:', '🎉!', '12', '©', '🎉'.repeat(7), '🎉'.repeat(10_000)]) expect(onlyEmoji(text), text).toBe(false)
  })
  it('is its name again when it is gone', async () => {
    await heardEmoji(2, () => Promise.resolve({ revision: 2, emoji: [] }))
    expect(html(':party_blob:')).toBe(':party_blob:')
    expect(onlyEmoji(':party_blob:')).toBe(false)
  })
})

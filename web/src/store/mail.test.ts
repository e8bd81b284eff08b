import { afterEach, describe, expect, it } from 'vitest'
import { setLanguage } from '../i18n'
import { ApiError, explain } from '../protocol/error'
import type { Mail } from '../protocol/types'
import { changeOf, mailed } from './mail'

const fresh: Mail = { enabled: true, notify: true, minutes: 15 }
const waiting = { ...fresh, pending: 'new@example.com' }
const confirmed = { ...fresh, address: 'old@example.com' }
const changing = { ...confirmed, ...waiting }

it.each([
  ['is not known yet', null, false],
  ['has no address', fresh, false],
  ['waits for a confirmation', waiting, false],
  ['is confirmed', confirmed, true],
  ['changes', changing, true],
  ['is of a server that sends no mail any more', { ...confirmed, enabled: false }, false],
])('mail that %s can be switched on and off: %#', (_, mail, can) => expect(mailed(mail)).toBe(can))

describe('setting an address', () => {
  it.each([
    ['no address', fresh, '', undefined],
    ['no address', fresh, 'new@example.com', 'send'],
    ['one that waits', waiting, 'new@example.com', 'again'],
    ['one that waits', waiting, 'other@example.com', 'send'],
    ['one that is confirmed', confirmed, 'old@example.com', undefined],
    ['one that is confirmed', confirmed, 'new@example.com', 'send'],
    ['one of each', changing, 'new@example.com', 'again'],
    ['one of each', changing, 'old@example.com', 'keep'],
  ])('with %s: %#', (_, mail, typed, change) => expect(changeOf(mail, typed)).toBe(change))
})

describe('a refusal', () => {
  afterEach(() => setLanguage(null))

  it('is said in the language of the page, where the server’s English is not understood', async () => {
    await setLanguage('de')
    const wrong = (field: string) => explain(new ApiError('forbidden', 'This is not your current password.', { field }))
    expect([wrong('password'), wrong('old')]).toEqual(['Falsches Passwort.', 'Falsches Passwort.'])
    expect(explain(new ApiError('invalid', 'The address must be a mail address.', { field: 'address' }))).toMatch(/^Gib eine E-Mail-Adresse/)
  })
})

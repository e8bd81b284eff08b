import { afterEach, describe, expect, it } from 'vitest'
import { setLanguage } from '../../i18n'
import type { AuditEntry } from '../../protocol/types'
import { say } from './say'

const names = { person: (id: string) => id[0]!.toUpperCase() + id.slice(1), room: (id: string) => `#${id}` }
const entry = (action: string, more: Partial<AuditEntry> = {}): AuditEntry => ({ id: 'e1', at: '2026-01-02T03:04:05Z', by: 'mary', action, ...more })

describe('the audit log says', () => {
  afterEach(() => setLanguage(null))

  it.each([
    [entry('user.update', { user: 'joe', detail: 'admin, was member' }), 'Mary changed Joe’s role from Member to Admin.'],
    [entry('user.update', { user: 'joe', detail: 'guest, was admin; disabled' }), 'Mary changed Joe’s role from Admin to Guest. Mary deactivated Joe’s account.'],
    [entry('user.update', { by: undefined, user: 'joe', detail: 'enabled' }), 'The operator reactivated Joe’s account.'],
    [entry('user.update', { user: 'joe', detail: 'something new' }), 'Mary: Joe: something new'],
    [entry('account.create', { by: undefined, user: 'joe', detail: 'owner' }), 'The operator created an account for Joe (Owner).'],
    [entry('bot.create', { user: 'helper', detail: 'guest' }), 'Mary created the bot Helper (Guest).'],
    [entry('invite.create', { detail: '01ABC, for an admin, valid for 168h0m0s' }), 'Mary created an invite (Admin).'],
    [entry('invite.delete', { detail: '01ABC, for a guest' }), 'Mary revoked an invite (Guest).'],
    [entry('room.update', { room: 'design', detail: 'name; topic; retain 30, was 0; archived true; slow 10, was 0' }),
      'Mary changed #design: Name, Topic, kept for 30 days, archived, slow mode, one message every 10 seconds.'],
    [entry('room.update', { room: 'design', detail: 'archived false; slow 0, was 10' }), 'Mary changed #design: unarchived, slow mode off.'],
    [entry('room.update', { room: 'design', detail: 'slow 300, was 0' }), 'Mary changed #design: slow mode, one message every 5 minutes.'],
    [entry('member.update', { user: 'joe', room: 'design', detail: 'moderator' }), 'Mary changed Joe’s role in #design to Moderator.'],
    [entry('message.delete', { user: 'joe', room: 'design', detail: 'message 7' }), 'Mary deleted message 7 by Joe in #design.'],
    [entry('outgoing.create', { room: 'design', detail: '01ABC, to example.org' }), 'Mary set up an outgoing webhook from #design to example.org.'],
    [entry('member.ban', { user: 'joe', room: 'design', detail: 'permanently' }), 'Mary banned Joe from #design (permanently).'],
    [entry('member.mute', { user: 'joe', room: 'design', detail: 'for 168h0m0s' }), 'Mary muted Joe in #design (for 7 days).'],
    [entry('member.mute', { user: 'joe', room: 'design', detail: 'for 1m30s' }), 'Mary muted Joe in #design (for 90 seconds).'],
    [entry('thing.done', { user: 'joe', room: 'design', detail: 'so' }), 'Mary: thing.done, Joe, #design, so'],
  ])('%j', (e, want) => expect(say(e, names)).toBe(want))

  it('the same in the page’s language', async () => {
    await setLanguage('de')
    expect(say(entry('user.update', { user: 'joe', detail: 'admin, was member' }), names)).toBe('Mary hat die Rolle von Joe von Mitglied in Admin geändert.')
    expect(say(entry('room.update', { room: 'design', detail: 'retain -1, was 0' }), names)).toBe('Mary hat #design geändert: unbegrenzt aufbewahrt.')
  })
})

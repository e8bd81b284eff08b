import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server } from './lib/server.mjs'

describe('a new server', { skip: missing() }, () => {
  let server, browser, owner, guest, invite
  before(async () => {
    server = await Server.start({ demo: false })
    browser = await launch()
    owner = await Person.arrive(browser, server.url)
    guest = await Person.arrive(browser, server.url)
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  it('says that it needs its owner, and how', async () => {
    await owner.page.goto(server.url)
    await owner.page.getByText('This server isn’t set up yet').waitFor()
    assert.equal(await owner.page.locator('input, button:visible').count(), 0, 'nothing that can only fail')
  })

  it('is owned by whoever opens the one-time link', async () => {
    const { page } = owner
    await page.goto(await server.setupLink())
    await page.getByRole('heading', { name: 'Set up your server' }).waitFor()
    await page.getByLabel('Name').fill('Olga')
    await page.getByLabel('Password').fill('short')
    await page.getByRole('button', { name: /Create owner/ }).click()
    await page.locator('.field-error', { hasText: 'too short' }).waitFor()
    await page.getByLabel('Password').fill('a few good words')
    await page.getByRole('button', { name: /Create owner/ }).click()
    await page.getByRole('heading', { level: 1, name: 'General' }).waitFor()
    assert.doesNotMatch(page.url(), /setup/)
  })

  it('lets nobody in without an invite', async () => {
    const { page } = guest
    await page.goto(server.url)
    await page.getByRole('button', { name: 'Create an account' }).click()
    await page.getByText('This server is invite-only').waitFor()
  })

  it('lets one person in with an invite, once', async () => {
    await owner.page.getByRole('button', { name: /^Your account/ }).click()
    await owner.page.getByRole('menuitem', { name: 'Invite people' }).click()
    await owner.page.getByRole('button', { name: 'Create a link' }).click()
    invite = await owner.page.getByLabel('Invite link').inputValue()
    assert.ok(invite.startsWith(`${server.url}/#invite=`))
    await owner.page.getByRole('button', { name: 'Back to the chat' }).click()
    const { page } = guest
    await page.goto(invite)
    await page.getByRole('heading', { name: 'Join Parley' }).waitFor()
    await page.getByLabel('Name').fill('OLGA') // the owner's name, only louder
    await page.getByLabel('Password').fill('a few good words')
    await page.getByRole('button', { name: 'Create account' }).click()
    await page.locator('.field-error').waitFor()
    await page.getByLabel('Name').fill('Gustav')
    await page.getByRole('button', { name: 'Create account' }).click()
    await page.getByRole('heading', { level: 1, name: 'General' }).waitFor()
    await owner.page.locator('.person-item', { hasText: 'Gustav' }).waitFor()
    const late = await Person.arrive(browser, server.url)
    await late.page.goto(invite)
    await late.page.getByLabel('Name').fill('Late')
    await late.page.getByLabel('Password').fill('a few good words')
    await late.page.getByRole('button', { name: 'Create account' }).click()
    await late.page.getByRole('alert').getByText(/invite/).waitFor()
    await late.context.close()
  })

  it('ends a session from another one at once', async () => {
    const other = await Person.arrive(browser, server.url)
    await other.logIn('Gustav', 'a few good words')
    await guest.page.getByRole('button', { name: /^Your account/ }).click()
    await guest.page.getByRole('menuitem', { name: 'Devices' }).click()
    await guest.page.getByRole('button', { name: 'Log out', exact: true }).click()
    await other.page.getByText('Your session has expired').waitFor()
    await guest.page.getByRole('button', { name: 'Log out', exact: true }).waitFor({ state: 'detached' })
    await guest.page.keyboard.press('Escape')
    await other.context.close()
  })

  it('changes a password, and goes on', async () => {
    const { page } = guest
    await page.getByRole('button', { name: /^Your account/ }).click()
    await page.getByRole('menuitem', { name: 'Change password' }).click()
    await page.getByLabel('Current password').fill('wrong')
    await page.getByLabel('New password').fill('other good words')
    await page.getByRole('button', { name: 'Change password' }).click()
    await page.locator('.field-error', { hasText: /[Ww]rong password|not your password/ }).waitFor()
    await page.getByLabel('Current password').fill('a few good words')
    await page.getByRole('button', { name: 'Change password' }).click()
    await page.getByText('Password changed').waitFor()
    await guest.say('still here')
    await guest.sees('still here')
  })

  it('lets the owner say who does what', async () => {
    const { page } = owner
    await page.getByRole('button', { name: /^\d+ members?$/ }).click()
    const gustav = page.locator('.member', { hasText: 'Gustav' })
    await gustav.getByRole('button', { name: 'Manage Gustav' }).click()
    await page.getByRole('menuitem', { name: 'Make admin…' }).click()
    await page.getByRole('button', { name: 'Change role' }).click()
    await gustav.locator('.tag', { hasText: 'Admin' }).waitFor()
    await guest.page.locator('.account-role', { hasText: 'admin' }).waitFor()
    await gustav.getByRole('button', { name: 'Manage Gustav' }).click()
    await page.getByRole('menuitem', { name: 'Deactivate account' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Deactivate' }).click()
    await guest.page.getByText('Your session has expired').waitFor()
    await gustav.locator('.tag', { hasText: 'Deactivated' }).waitFor()
    await gustav.getByRole('button', { name: 'Manage Gustav' }).click()
    await page.getByRole('menuitem', { name: 'Reactivate account' }).click()
    await gustav.locator('.tag', { hasText: 'Admin' }).waitFor()
    await guest.logIn('Gustav', 'other good words')
  })

  it('logs out, and keeps nothing', async () => {
    const { page } = guest
    await page.getByRole('button', { name: /^Your account/ }).click()
    await page.getByRole('menuitem', { name: 'Log out' }).click()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await page.reload()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage).filter((k) => !/^parley:(device|theme)$/.test(k))), [])
    await page.getByLabel('Name').fill('Gustav')
    await page.getByLabel('Password').fill('a few good words')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('alert').getByText('Wrong name or password').waitFor()
    await guest.logIn('Gustav', 'other good words')
    assert.deepEqual(guest.faults, [])
    assert.deepEqual(owner.faults, [])
  })
})

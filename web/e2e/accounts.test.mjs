import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { encode } from 'uqr'
import { axe, colours } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { OIDC } from './lib/oidc.mjs'
import { binary, Server, until } from './lib/server.mjs'

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
    await page.getByLabel('Team name').fill('Northwind')
    await page.getByLabel('Your name').fill('Olga')
    await page.getByLabel('Password').fill('short')
    await page.getByRole('button', { name: /Create owner/ }).click()
    await page.locator('.field-error', { hasText: 'too short' }).waitFor()
    await page.getByLabel('Password').fill('a few good words')
    await page.getByRole('button', { name: /Create owner/ }).click()
    await page.getByRole('heading', { level: 1, name: 'General' }).waitFor()
    assert.doesNotMatch(page.url(), /setup/)
    await page.locator('.sidebar-name', { hasText: 'Northwind' }).waitFor()
  })

  it('shows what to do next, on a phone too, and asks for people who are not here yet', async () => {
    const { page } = owner
    const next = page.getByRole('region', { name: 'What’s next' })
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: 844 })
      for (const colorScheme of ['dark', 'light']) {
        const rules = colorScheme === 'dark' ? colours : undefined
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        await next.waitFor()
        if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/first-${width}-${colorScheme}.png` })
        assert.deepEqual(await axe(page, '.next-steps', rules), [])
        await next.getByRole('button', { name: 'Invite people' }).click()
        const box = page.getByRole('dialog', { name: 'Invite people' })
        await box.waitFor()
        if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/invite-${width}-${colorScheme}.png` })
        assert.deepEqual(await axe(page, 'dialog', rules), [])
        await page.keyboard.press('Escape')
        await box.waitFor({ state: 'detached' })
      }
    }
    await page.setViewportSize({ width: 1280, height: 800 })
    await page.getByRole('button', { name: 'New room' }).click()
    await page.getByRole('menuitem', { name: 'New message' }).click()
    await until('one to be able to type', () => page.evaluate(() => document.activeElement.closest('dialog') && document.activeElement.tagName === 'INPUT'))
    await page.keyboard.type('Gustav')
    await page.getByText('No one here is called “Gustav”.').waitFor()
    await page.getByRole('button', { name: 'Invite them' }).click()
    await page.getByRole('dialog', { name: 'Invite people' }).waitFor()
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').first().waitFor({ state: 'detached' })
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
    await owner.page.getByRole('combobox', { name: 'For', exact: true }).selectOption('1')
    await owner.page.getByRole('button', { name: 'Create a link' }).click()
    invite = await owner.page.getByLabel('Invite link').inputValue()
    assert.ok(invite.startsWith(`${server.url}/#invite=`))
    await owner.page.getByRole('button', { name: 'Back to the chat' }).click()
    const { page } = guest
    await page.goto(invite)
    await page.getByRole('heading', { name: 'Join Northwind' }).waitFor()
    await page.getByText('Olga invites you to Northwind.').waitFor()
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

  it('lets several people in with a link, into the rooms that it leads to', async () => {
    const { page } = owner
    const as = await server.caller('Olga', 'a few good words')
    await as('POST', '/rooms', { name: 'Harvest', kind: 'private' })
    await page.getByRole('button', { name: /^Your account/ }).click()
    await page.getByRole('menuitem', { name: 'Invite people' }).click()
    await page.getByRole('combobox', { name: 'For', exact: true }).selectOption('10')
    await page.getByRole('checkbox', { name: 'Harvest' }).check()
    await page.getByRole('button', { name: 'Create a link' }).click()
    const link = await page.getByLabel('Invite link').inputValue()
    await page.getByText('0 of 10 used').waitFor()
    await page.getByRole('button', { name: 'Show QR code' }).click()
    const code = page.getByRole('img', { name: 'QR code of the invite link to Northwind' })
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/code-${colorScheme}.png` })
      const { data, size } = encode(link, { ecc: 'M', border: 4 })
      assert.deepEqual(await modules(page, await code.screenshot(), size), data, colorScheme)
    }
    assert.deepEqual(await axe(page, '.qr-code'), [])
    await page.getByRole('button', { name: 'Hide QR code' }).click()
    await code.waitFor({ state: 'detached' })
    for (const name of ['Hanna', 'Ines']) {
      const one = await Person.arrive(browser, server.url)
      await one.page.goto(link)
      await one.page.getByText('You’ll join Harvest.').waitFor()
      assert.deepEqual(await axe(one.page), [])
      await one.page.getByLabel('Name').fill(name)
      await one.page.getByLabel('Password').fill('a few good words')
      await one.page.getByRole('button', { name: 'Create account' }).click()
      await one.page.locator('.room-title', { hasText: 'Harvest' }).waitFor()
      assert.deepEqual(one.faults, [])
      await one.context.close()
    }
    await page.getByRole('link', { name: 'Roles' }).click()
    await page.getByRole('combobox', { name: 'Invite people' }).selectOption({ label: 'Everyone except guests' })
    assert.deepEqual(await axe(page), [])
    await page.getByRole('button', { name: 'Back to the chat' }).click()
    // A member hears of it, and invites.
    await guest.page.getByRole('button', { name: 'New room' }).click()
    await guest.page.getByRole('menuitem', { name: 'Invite people' }).click()
    const box = guest.page.getByRole('dialog', { name: 'Invite people' })
    await until('the roles that a member may give', async () => (await box.getByLabel('Role').locator('option').count()) === 2)
    await box.getByRole('button', { name: 'Create a link' }).click()
    assert.match(await box.getByLabel('Invite link').inputValue(), /#invite=/)
    await guest.page.keyboard.press('Escape')
  })

  it('ends a session from another one at once', async () => {
    const other = await Person.arrive(browser, server.url)
    await other.typeIn('Gustav', 'a few good words')
    await guest.page.goto(`${server.url}/#/settings/account`)
    await guest.page.getByRole('button', { name: 'Log out', exact: true }).click()
    await other.page.getByText('Your session has expired').waitFor()
    await guest.page.getByRole('button', { name: 'Log out', exact: true }).waitFor({ state: 'detached' })
    await other.context.close()
  })

  it('changes a password, and goes on', async () => {
    const { page } = guest
    await page.goto(`${server.url}/#/settings/account`)
    await page.getByLabel('Current password').fill('wrong')
    await page.getByLabel('New password').fill('other good words')
    await page.getByRole('button', { name: 'Change password' }).click()
    await page.locator('.field-error', { hasText: /not your current password/ }).waitFor()
    await page.getByLabel('Current password').fill('a few good words')
    await page.getByRole('button', { name: 'Change password' }).click()
    await page.getByText('Password changed').waitFor()
    await page.getByRole('button', { name: 'Back to the chat' }).click()
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
    await guest.typeIn('Gustav', 'other good words')
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
    await guest.typeIn('Gustav', 'other good words')
    assert.deepEqual(guest.faults, [])
    assert.deepEqual(owner.faults, [])
  })
})

describe('a server whose people log in at a provider', { skip: missing() }, () => {
  let dir, provider, server, browser, ada
  before(async () => {
    provider = await OIDC.start({ sub: '1', name: 'Ada', email: 'ada@example.com' })
    dir = mkdtempSync(join(tmpdir(), 'parley-oidc-'))
    const file = join(dir, 'oidc.toml')
    writeFileSync(file, `only = true\n[[provider]]\nid = "company"\nname = "Company"\nissuer = "${provider.url}"\nclient-id = "parley"\nsign-up = true\n`)
    server = await Server.start({ args: ['--oidc', file] })
    browser = await launch()
    ada = await Person.arrive(browser, server.url)
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
    await provider?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  it('says what went wrong, logs them in, and out at both', async () => {
    const { page } = ada
    await page.goto(server.url)
    const button = page.getByRole('button', { name: 'Continue with Company' })
    await button.waitFor()
    assert.equal(await page.getByLabel('Password').count(), 0)
    assert.deepEqual(await axe(page, '.gate'), [])
    await button.click()
    await page.getByRole('link', { name: 'No' }).click()
    await page.getByRole('alert').getByText('Company refused it').waitFor()
    await button.click()
    await page.getByRole('link', { name: 'Yes' }).click()
    await page.getByRole('heading', { level: 1, name: 'General' }).waitFor()
    await page.getByRole('button', { name: /Ada/ }).first().click()
    await page.getByRole('menuitem', { name: 'Log out' }).click()
    await page.getByText('Goodbye').waitFor()
    await page.getByRole('link', { name: 'Back' }).click()
    await button.waitFor()
    // The operator's way in without the provider.
    const link = execFileSync(binary(), ['user', 'link', 'Pablo', ...(server.redis ? ['--store', server.redis.url] : ['--data', server.data])], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH },
    }).trim().split('\n').pop()
    await page.goto(`${server.url}${link}`)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('button', { name: /Pablo/ }).first().waitFor()
    const strange = ada.faults.filter((f) => !f.startsWith(`request to ${provider.url}`))
    assert.deepEqual(strange, [])
  })
})

/** The modules of a QR code in a picture of it, row by row: true is dark. */
const modules = (page, picture, size) =>
  page.evaluate(
    async ([picture, size]) => {
      const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(picture), (c) => c.charCodeAt(0))]))
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d')
      canvas.drawImage(bitmap, 0, 0)
      const middle = (i) => Math.floor(((i + 0.5) * bitmap.width) / size)
      const indexes = [...Array(size).keys()]
      return indexes.map((y) =>
        indexes.map((x) => {
          const [red, green, blue] = canvas.getImageData(middle(x), middle(y), 1, 1).data
          const light = (red + green + blue) / 3
          if (light > 55 && light < 200) throw new Error(`neither dark nor light: ${[x, y, red, green, blue]}`)
          return light <= 55
        }),
      )
    },
    [picture.toString('base64'), size],
  )

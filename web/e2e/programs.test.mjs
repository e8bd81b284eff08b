import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { axe, colours } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server } from './lib/server.mjs'

describe('programs', { skip: missing() }, () => {
  let server, browser, mary, pablo
  before(async () => {
    server = await Server.start()
    browser = await launch()
    mary = await Person.arrive(browser, server.url, { colorScheme: 'light', reducedMotion: 'reduce' })
    pablo = await Person.arrive(browser, server.url, { colorScheme: 'light', reducedMotion: 'reduce' })
    await mary.logIn('Mary')
    await pablo.logIn('Pablo') // he owns the demo
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  const dialog = (person, name) => person.page.getByRole('dialog', { name, exact: true })
  const post = (token, text, room = 'general') =>
    fetch(`${server.url}/api/v1/rooms/${room}/messages`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ text }),
    })
  /** Presses Tab until that has the focus. */
  const tabTo = async (person, locator) => {
    for (let i = 0; i < 30; i++) {
      if (await locator.evaluate((e) => e === document.activeElement)) return
      await person.page.keyboard.press('Tab')
    }
    assert.fail(`Tab does not lead to ${locator}`)
  }
  /** Asks axe about the dialogs that are open, and with SHOTS keeps pictures of them. */
  const look = async (person, name) => {
    const { page } = person
    const found = []
    for (const colorScheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme })
      found.push(...(await axe(page, 'dialog', colorScheme === 'dark' ? colours : undefined)))
      if (!process.env.SHOTS) continue
      mkdirSync(process.env.SHOTS, { recursive: true })
      for (const width of [390, 1440]) {
        await page.setViewportSize({ width, height: 844 })
        await page.screenshot({ path: join(process.env.SHOTS, `${name}-${colorScheme}-${width}.png`) })
      }
      await page.setViewportSize({ width: 1280, height: 800 })
    }
    assert.equal([...new Set(found)].join('\n'), '', name)
  }

  it('are let in with a token and shut out again, by keyboard alone', async () => {
    const { page } = mary
    await page.getByRole('button', { name: /^Your account/ }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('menuitem', { name: 'API tokens' }).waitFor()
    await page.keyboard.type('api') // menus go by letters
    await page.locator('[role=menuitem]:focus', { hasText: 'API tokens' }).waitFor() // in a moment
    await page.keyboard.press('Enter')
    const box = dialog(mary, 'API tokens')
    await box.getByText('None yet').waitFor()
    assert.ok(await box.getByLabel('Name').evaluate((e) => e === document.activeElement))
    await look(mary, 'tokens')
    await page.keyboard.type('Nightly report')
    await tabTo(mary, box.getByRole('checkbox', { name: /^Send/ }))
    await page.keyboard.press('Space')
    assert.ok(await box.getByRole('button', { name: 'Create token' }).isDisabled(), 'a token that may do nothing')
    await page.keyboard.press('Space')
    await tabTo(mary, box.getByLabel('Valid for'))
    await page.keyboard.press('3') // 30 days
    assert.equal(await box.getByLabel('Valid for').inputValue(), '30')
    await tabTo(mary, box.getByRole('button', { name: 'Create token' }))
    await page.keyboard.press('Enter')
    const field = box.getByLabel('Token', { exact: true })
    await field.waitFor()
    assert.ok(await field.evaluate((e) => e === document.activeElement && e.selectionEnd === e.value.length && e.selectionStart === 0))
    const token = await field.inputValue()
    assert.ok((await box.getByLabel('Example', { exact: true }).inputValue()).startsWith(`curl ${server.url}/api/v1/rooms/general/messages -H 'Authorization: Bearer ${token}'`))
    const line = box.getByRole('listitem').filter({ hasText: 'Nightly report' })
    const end = new Intl.DateTimeFormat('en-US', { dateStyle: 'long' }).format(Date.now() + 30 * 86_400_000)
    assert.match(await line.innerText(), new RegExp(`Send\\s+Created .*, expires ${end}`))
    await look(mary, 'token')
    await tabTo(mary, box.getByRole('button', { name: 'Create another' }))
    await page.keyboard.press('Enter')
    await box.getByRole('button', { name: 'Create token' }).waitFor()
    assert.ok(await box.getByLabel('Name').evaluate((e) => e === document.activeElement))
    assert.equal(await field.count(), 0, 'it was shown once')

    assert.equal((await post(token, 'all is well, says the report')).status, 201)
    await pablo.sees('all is well, says the report')
    const read = await fetch(`${server.url}/api/v1/rooms`, { headers: { Authorization: `Bearer ${token}` } })
    assert.equal(read.status, 403, 'it may send, not read')

    await tabTo(mary, line.getByRole('button', { name: 'Revoke Nightly report' }))
    await page.keyboard.press('Enter')
    const ask = dialog(mary, 'Revoke Nightly report?')
    await look(mary, 'token-revoke')
    await page.keyboard.press('Escape')
    await ask.waitFor({ state: 'detached' })
    assert.ok(await line.getByRole('button').evaluate((e) => e === document.activeElement), 'the focus is back')
    assert.equal((await post(token, 'still there')).status, 201)
    await page.keyboard.press('Enter')
    await ask.waitFor()
    await page.keyboard.press('Enter')
    await ask.waitFor({ state: 'detached' })
    await box.getByText('None yet').waitFor()
    assert.ok(await box.evaluate((e) => e.contains(document.activeElement)), 'the focus stays in the dialog')
    assert.equal((await post(token, 'let me in')).status, 401)
    await page.keyboard.press('Escape')
    await box.waitFor({ state: 'detached' })
  })

  it('post by a webhook, until it is deleted', async () => {
    const { page } = pablo
    await page.getByRole('button', { name: 'Room menu' }).click()
    await page.getByRole('menuitem', { name: 'Room settings' }).click()
    const settings = dialog(pablo, 'General settings')
    await settings.getByRole('tab', { name: 'Integrations' }).click()
    const box = settings.getByRole('region', { name: 'Incoming webhooks' })
    await box.getByLabel('Name', { exact: true }).fill('Mary')
    await box.getByRole('button', { name: 'Create webhook' }).click()
    await box.locator('.field-error').waitFor()
    await box.getByLabel('Name', { exact: true }).fill('Alarms')
    await page.keyboard.press('Enter')
    const field = box.getByLabel('Webhook URL of Alarms')
    await field.waitFor()
    await box.getByRole('listitem').filter({ hasText: 'by you' }).waitFor()
    await look(pablo, 'webhook')
    const address = await field.inputValue()
    assert.ok(address.startsWith(`${server.url}/hooks/`))
    const ring = () => fetch(address, { method: 'POST', body: JSON.stringify({ text: 'Build *failed*: <https://ci.example.com/1|#1>' }) })
    const res = await ring()
    assert.deepEqual([res.status, await res.text()], [200, 'ok'])
    await mary.sees('Build failed: #1')
    const row = mary.page.locator('.message[data-no]', { hasText: 'Build failed: #1' })
    assert.equal(await row.getByRole('link', { name: '#1' }).getAttribute('href'), 'https://ci.example.com/1')
    assert.match(await row.innerText(), /Alarms/)
    await box.getByRole('button', { name: 'Delete Alarms' }).click()
    await dialog(pablo, 'Delete Alarms?').getByRole('button', { name: 'Delete', exact: true }).click()
    await box.getByText('None yet').waitFor()
    assert.equal(await field.count(), 0, 'an address that leads nowhere')
    assert.equal((await ring()).status, 404)
    await page.keyboard.press('Escape')
    await mary.sees('Build failed: #1') // what was posted stays
  })

  it('pause with whoever set them up, and are taken over', async () => {
    const as = { mary: await server.caller('Mary'), pablo: await server.caller('Pablo') }
    const room = await as.mary('POST', '/rooms', { name: 'Robots', users: [as.pablo.user.id] })
    await as.mary('PATCH', `/rooms/${room.id}/members/${as.pablo.user.id}`, { role: 'moderator' })
    await as.mary('POST', `/rooms/${room.id}/hooks`, { name: 'Nightly' })
    await as.mary('POST', `/rooms/${room.id}/outgoing`, { url: 'https://hooks.example/1' })
    await as.pablo('PATCH', `/rooms/${room.id}/members/${as.mary.user.id}`, { role: 'member' })
    await pablo.open('Robots')
    await pablo.page.getByRole('button', { name: 'Room menu' }).click()
    await pablo.page.getByRole('menuitem', { name: 'Room settings' }).click()
    const box = dialog(pablo, 'Robots settings')
    await box.getByRole('tab', { name: 'Integrations' }).click()
    await box.getByText('Paused: whoever set it up').first().waitFor()
    await look(pablo, 'paused')
    for (const name of ['Nightly', 'hooks.example']) {
      await box.getByRole('button', { name: `Take over ${name}` }).click()
      await box.getByRole('button', { name: `Take over ${name}` }).waitFor({ state: 'detached' })
    }
    assert.equal(await box.getByText('Paused').count(), 0)
    await pablo.page.keyboard.press('Escape')
    await box.waitFor({ state: 'detached' })
  })

  it('are bots with tokens, which admins make', async () => {
    const { page } = pablo
    await page.getByRole('button', { name: /^Your account/ }).click()
    await page.getByRole('menuitem', { name: 'Administration' }).click()
    await page.getByRole('button', { name: 'Create bot' }).click()
    const box = dialog(pablo, 'Create bot')
    await box.getByLabel('Name', { exact: true }).fill('Helper')
    await box.getByLabel('Access').selectOption({ label: 'Public rooms, too' })
    await box.getByRole('button', { name: 'Create bot' }).click()
    const tokens = dialog(pablo, 'Helper tokens')
    await tokens.getByLabel('Name').fill('everything')
    await tokens.getByRole('checkbox', { name: /^Read/ }).check()
    await page.keyboard.press('Enter')
    const token = await tokens.getByLabel('Token', { exact: true }).inputValue()
    await look(pablo, 'bot-token')
    await page.keyboard.press('Escape')
    await tokens.waitFor({ state: 'detached' })
    await page.getByRole('combobox', { name: 'Filter' }).selectOption({ label: 'Bots' })
    await page.getByRole('button', { name: 'Manage Helper' }).click()
    await page.getByRole('menuitem', { name: 'API tokens' }).click()
    await tokens.getByRole('listitem').filter({ hasText: 'everything' }).getByText('Read, Send').waitFor()
    await page.keyboard.press('Escape')
    await tokens.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Back to the chat' }).click()
    const me = await fetch(`${server.url}/api/v1/account`, { headers: { Authorization: `Bearer ${token}` } })
    assert.deepEqual(await me.json().then(({ user }) => [user.name, user.role, user.bot]), ['Helper', 'member', true])
    assert.equal((await post(token, 'I am here to help')).status, 201)
    await mary.sees('I am here to help')
  })

  it('are nobody’s business who may not make them', async () => {
    const { page } = mary
    await page.getByRole('button', { name: /^Your account/ }).click()
    await page.getByRole('menuitem', { name: 'Settings' }).waitFor()
    assert.equal(await page.getByRole('menuitem', { name: 'Administration' }).count(), 0)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Room menu' }).click()
    await page.getByRole('menuitem').first().waitFor()
    assert.equal(await page.getByRole('menuitem', { name: 'Room settings' }).count(), 0)
    await page.keyboard.press('Escape')
    assert.deepEqual([...mary.faults, ...pablo.faults], [])
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { axe, colours } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

describe('what is for later', { skip: missing() }, () => {
  let server, browser, mary, phone, as, room
  before(async () => {
    server = await Server.start({ args: ['--max-sends=-1'] })
    browser = await launch()
    as = { mary: await server.caller('Mary'), joe: await server.caller('Joe') }
    room = await as.mary('POST', '/rooms', { name: 'Garden', users: [as.joe.user.id] })
    for (let i = 1; i <= 6; i++) await as.joe('POST', `/rooms/${room.id}/messages`, { text: `message ${i}` })
    const options = { colorScheme: 'light', reducedMotion: 'reduce' }
    mary = await Person.arrive(browser, server.url, { ...options, viewport: { width: 1440, height: 900 } })
    await mary.logIn('Mary')
    await mary.open('Garden')
    phone = await Person.arrive(browser, server.url, { ...options, viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
    await phone.enter('Mary')
    await phone.page.locator('.room-item').first().waitFor()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  const item = (page, name) => page.locator('.room-item', { has: page.locator('.room-title', { hasText: new RegExp(`^${name}$`) }) })
  const choose = async (text, name) => {
    const row = mary.page.locator('.message[data-no]', { hasText: text })
    await row.hover()
    await row.getByRole('button', { name: 'More' }).click()
    await mary.page.getByRole('menuitem', { name, exact: true }).click()
  }
  const look = async (page, name, part = 'dialog[open]') => {
    for (const colorScheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme })
      if (process.env.SHOTS) {
        mkdirSync(process.env.SHOTS, { recursive: true })
        await page.screenshot({ path: join(process.env.SHOTS, `${name}-${colorScheme}.png`) })
      }
      assert.deepEqual(await axe(page, part, colorScheme === 'dark' ? colours : undefined), [], `${name}, ${colorScheme}`)
    }
  }
  const later = async (page) => {
    await page.getByRole('button', { name: /^Later/ }).click()
    await page.getByRole('dialog', { name: 'Later' }).waitFor()
    return page.getByRole('dialog', { name: 'Later' })
  }

  it('can be marked as unread, on all devices, until one comes back', async () => {
    await item(mary.page, 'Garden').locator('.badge').waitFor({ state: 'detached' })
    await choose('message 4', 'Mark unread from here')
    for (const page of [mary.page, phone.page]) await item(page, 'Garden').locator('.badge', { hasText: '3' }).waitFor()
    await mary.page.locator('.unread-line').waitFor()
    await as.joe('POST', `/rooms/${room.id}/messages`, { text: 'message 7' })
    await mary.sees('message 7')
    await item(mary.page, 'Garden').locator('.badge', { hasText: '4' }).waitFor() // seeing it here changes nothing
    await mary.open('General')
    await mary.open('Garden')
    await mary.page.locator('.unread-line').waitFor()
    for (const page of [mary.page, phone.page]) await item(page, 'Garden').locator('.badge').waitFor({ state: 'detached' })
  })

  it('everything is marked as read by one key, which can be taken back', async () => {
    await choose('message 6', 'Mark unread from here')
    await as.joe('POST', '/rooms/general/messages', { text: 'hello all' })
    await item(mary.page, 'General').locator('.badge').waitFor()
    await mary.page.keyboard.press('Shift+Escape')
    await until('nothing to be unread', async () => (await mary.page.locator('.room-item .badge').count()) === 0)
    await until('nothing to be unread on the phone', async () => (await phone.page.locator('.room-item .badge').count()) === 0)
    await mary.page.locator('.toast').getByRole('button', { name: 'Undo' }).click()
    await item(mary.page, 'Garden').locator('.badge', { hasText: '2' }).waitFor()
    await item(mary.page, 'General').locator('.badge', { hasText: '1' }).waitFor()
    await item(phone.page, 'Garden').dispatchEvent('contextmenu')
    await phone.page.getByRole('menuitem', { name: 'Mark as read' }).tap()
    await item(mary.page, 'Garden').locator('.badge').waitFor({ state: 'detached' })
  })

  it('is saved, and found on all devices', async () => {
    await choose('message 2', 'Save for later')
    const box = await later(phone.page)
    await box.locator('.markdown', { hasText: 'message 2' }).waitFor()
    await look(phone.page, 'later-phone')
    await box.getByRole('button', { name: 'Jump to message' }).tap()
    await phone.page.locator('.message[data-no]', { hasText: 'message 2' }).waitFor()
    await choose('message 2', 'Remove from saved')
    const wide = await later(mary.page)
    await wide.getByText('No saved messages yet.').waitFor()
    await look(mary.page, 'later-none')
    await mary.page.keyboard.press('Escape')
    await phone.page.goBack()
  })

  it('is sent at its time, once, also if the server was down then', async () => {
    await mary.box.fill('good morning')
    await mary.page.getByRole('button', { name: 'Send later' }).click()
    const ask = mary.page.getByRole('dialog', { name: 'Send later' })
    await look(mary.page, 'send-later')
    await ask.getByRole('button', { name: 'Schedule' }).click()
    await ask.waitFor({ state: 'detached' })
    assert.equal(await mary.box.inputValue(), '')
    const box = await later(mary.page)
    await box.getByRole('tab', { name: 'Scheduled' }).click()
    await box.getByText('good morning').waitFor()
    await look(mary.page, 'scheduled')
    await box.getByRole('button', { name: 'Change' }).click()
    const change = mary.page.getByRole('dialog', { name: 'Send later' })
    await change.getByLabel('Message').fill('good evening')
    await change.getByRole('button', { name: 'Schedule' }).click()
    await box.getByText('good evening').waitFor()
    const { scheduled } = await as.mary('GET', '/scheduled')
    await as.mary('PATCH', `/scheduled/${scheduled[0].id}`, { at: new Date(Date.now() + 1500).toISOString() })
    await server.kill()
    await new Promise((done) => setTimeout(done, 2000)) // its time passes
    await server.launch()
    await box.getByText('No scheduled messages').waitFor()
    await mary.page.keyboard.press('Escape')
    await mary.sees('good evening')
    const { messages } = await as.joe('GET', `/rooms/${room.id}/messages`)
    assert.equal(messages.filter((m) => m.text === 'good evening').length, 1)
  })

  it('one is reminded of, on all devices', async () => {
    await choose('message 5', 'Remind me…')
    const ask = mary.page.getByRole('dialog', { name: 'Remind me' })
    await ask.getByLabel('Note').fill('water it')
    await look(mary.page, 'remind')
    await ask.getByRole('button', { name: 'Set reminder' }).click()
    await ask.waitFor({ state: 'detached' })
    const { scheduled } = await as.mary('GET', '/scheduled')
    await as.mary('PATCH', `/scheduled/${scheduled[0].id}`, { at: new Date(Date.now() + 500).toISOString() })
    await mary.page.locator('.toast', { hasText: 'Reminder: a message in Garden' }).waitFor()
    await phone.page.getByRole('button', { name: 'Later, 1 item needs attention' }).click()
    const box = phone.page.getByRole('dialog', { name: 'Later' })
    await box.getByText('water it').waitFor()
    await look(phone.page, 'reminder-phone')
    await box.getByRole('button', { name: 'Done' }).click()
    await box.getByText('No reminders').waitFor()
    await mary.page.getByRole('button', { name: 'Later', exact: true }).waitFor()
  })

  it('a message is quoted and copied', async () => {
    await choose('message 3', 'Quote')
    assert.equal(await mary.box.inputValue(), '> **Joe:**\n> message 3\n\n')
    await mary.page.keyboard.type('indeed')
    await mary.page.keyboard.press('Enter')
    await mary.page.locator('.message blockquote', { hasText: 'message 3' }).waitFor()
    await mary.context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await choose('message 1', 'Copy text')
    assert.equal(await mary.page.evaluate(() => navigator.clipboard.readText()), 'message 1')
    assert.deepEqual([...mary.faults, ...phone.faults], [])
  })
  it('one catches up in one place, by the keyboard alone', async () => {
    const { page } = mary
    await mary.open('General') // so that Garden is not read
    const said = await as.mary('POST', `/rooms/${room.id}/messages`, { text: 'who waters it?' })
    const url = `/rooms/${room.id}/messages`
    await as.joe('POST', url, { text: '@Mary you do' })
    await as.joe('POST', url, { text: '@Mary and today' })
    await as.joe('PUT', `${url}/${said.no}/reactions/${encodeURIComponent('👍')}`)
    await as.mary('POST', url, { text: 'why me?', thread: said.no })
    await as.joe('POST', url, { text: 'you planted it', thread: said.no })
    await as.mary('PUT', '/documents/saved', { was: (await as.mary('GET', '/documents')).documents.find((d) => d.name === 'saved').version, value: { items: [{ room: room.id, no: 1, at: said.at }] } })
    await mary.box.fill('half a thought')
    await page.getByRole('button', { name: 'Catch up, 3 new items' }).press('Enter')
    const texts = () => page.locator('.catch-text').allInnerTexts()
    const listed = async (...want) => until(`the list to be ${want}`, async () => (await texts()).join() === want.join())
    await listed('@Mary and today', '@Mary you do', 'you planted it', 'who waters it?', 'message 1', 'half a thought')
    await look(page, 'catch-up', 'main')
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    assert.equal(await page.evaluate(() => document.activeElement.innerText.includes('you do')), true)
    await page.keyboard.press('e')
    await listed('@Mary and today', 'you planted it', 'who waters it?', 'message 1', 'half a thought')
    assert.equal(await page.evaluate(() => document.activeElement.innerText.includes('you planted it')), true)
    await page.keyboard.press('k')
    await page.keyboard.press('m')
    await page.locator('.toast', { hasText: 'Garden muted' }).waitFor()
    await page.keyboard.press('m')
    await page.locator('.toast', { hasText: 'Garden unmuted' }).waitFor()
    await page.keyboard.press('o')
    await page.locator('.message[data-no]', { hasText: '@Mary and today' }).waitFor()
    await page.goBack()
    await page.locator('.catch-item').first().waitFor()
    await until('the focus where it was', () => page.evaluate(() => document.activeElement.innerText.includes('and today')))
    await as.joe('POST', url, { text: '@Mary please' }) // comes by itself
    await page.locator('.catch-text', { hasText: 'please' }).waitFor()
    await page.getByRole('button', { name: 'Threads' }).click()
    await listed('you planted it')
    await page.getByRole('button', { name: /^All/ }).click()
    await page.getByRole('button', { name: 'Mark all as read' }).click()
    await listed('message 1', 'half a thought')
    await page.locator('.toast').getByRole('button', { name: 'Undo' }).last().click()
    await page.locator('.catch-text', { hasText: 'please' }).waitFor()
    await phone.page.keyboard.press('Escape') // what was open before
    await phone.page.getByRole('button', { name: /^Catch up/ }).tap()
    await phone.page.locator('.catch-text', { hasText: 'please' }).waitFor()
    await look(phone.page, 'catch-up-phone', 'main')
    await phone.page.locator('.catch-item', { hasText: 'please' }).getByRole('button', { name: 'Mark as done' }).tap()
    await page.locator('.catch-text', { hasText: 'please' }).waitFor({ state: 'detached' }) // on all devices
    assert.deepEqual([...mary.faults, ...phone.faults], [])
  })
})

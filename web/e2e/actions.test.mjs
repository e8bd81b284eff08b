import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { axe, colours } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

describe('what one does with a message', { skip: missing() }, () => {
  let server, browser, mary, phone, as, room
  before(async () => {
    server = await Server.start({ args: ['--max-sends=-1'] })
    browser = await launch()
    as = { mary: await server.caller('Mary'), joe: await server.caller('Joe') }
    room = await as.mary('POST', '/rooms', { name: 'Garden', kind: 'public', users: [as.joe.user.id] })
    await as.mary('POST', '/rooms', { name: 'Kitchen', kind: 'private' })
    for (let i = 1; i <= 4; i++) await as.joe('POST', `/rooms/${room.id}/messages`, { text: `message ${i} for @Mary` })
    const options = { colorScheme: 'light', reducedMotion: 'reduce' }
    mary = await Person.arrive(browser, server.url, { ...options, viewport: { width: 1440, height: 900 } })
    await mary.logIn('Mary')
    await mary.open('Garden')
    phone = await Person.arrive(browser, server.url, { ...options, viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
    await phone.enter('Mary')
    await phone.page.locator('.room-item', { has: phone.page.locator('.room-title', { hasText: /^Garden$/ }) }).click()
    await row(phone, 'message 4').waitFor()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  const row = (person, text) => person.page.locator('main .message[data-no]', { hasText: text }).first()
  const look = async (page, name, within) => {
    for (const colorScheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme })
      assert.deepEqual(await axe(page, within, colorScheme === 'dark' ? colours : undefined), [], `${name}, ${colorScheme}`)
      if (process.env.SHOTS) {
        mkdirSync(process.env.SHOTS, { recursive: true })
        await page.screenshot({ path: join(process.env.SHOTS, `${name}-${colorScheme}.png`) })
      }
    }
  }
  /** A finger on the middle of a message, which rests or goes aside by so many px. */
  const finger = async (person, text, { aside = 0, rest = 0 }) => {
    const box = await row(person, text).locator('.message-main').boundingBox()
    const client = await person.context.newCDPSession(person.page)
    const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 }
    await client.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [at] })
    for (let i = 1; i <= 8 && aside !== 0; i++) await client.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: [{ x: at.x + (aside * i) / 8, y: at.y }] })
    if (rest) await person.page.locator('.menu.sheet').waitFor()
    await client.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
    await client.detach()
  }

  it('forwards it by keyboard alone, with a note, who wrote it and a link, and calls nobody', async () => {
    const { page } = mary
    await row(mary, 'message 2').focus()
    await row(mary, 'message 2').getByRole('button', { name: 'More' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('menuitem', { name: 'Forward' }).waitFor()
    await page.keyboard.type('Forw')
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Forward message' })
    await dialog.waitFor()
    await look(page, 'forward-1440', 'dialog[open]')
    await page.keyboard.type('Kitch')
    await dialog.getByRole('option', { name: 'Kitchen', selected: true }).waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.type('please look')
    await page.keyboard.press('Enter')
    await dialog.waitFor({ state: 'detached' })
    await mary.open('Kitchen')
    const sent = row(mary, 'please look')
    await sent.waitFor()
    assert.match(await sent.locator('blockquote').innerText(), /Joe · #Garden\s+message 2 for @Mary/)
    assert.equal(await sent.evaluate((e) => e.classList.contains('called')), false)
    await sent.getByRole('link', { name: '#Garden' }).click()
    await page.locator('.message.wanted', { hasText: 'message 2' }).waitFor()
  })

  it('forwards its files, too', async () => {
    const { page } = mary
    await page.setInputFiles('main input[type=file]', { name: 'plan.txt', mimeType: 'text/plain', buffer: Buffer.from('a plan') })
    await until('it to be there', () => page.locator('main .composer .send').isEnabled())
    await mary.say('with a file')
    await row(mary, 'with a file').hover()
    await row(mary, 'with a file').getByRole('button', { name: 'More' }).click()
    await page.getByRole('menuitem', { name: 'Forward' }).click()
    const dialog = page.getByRole('dialog', { name: 'Forward message' })
    await dialog.getByRole('option', { name: 'Kitchen' }).click()
    await dialog.getByRole('button', { name: 'Forward' }).click()
    await dialog.waitFor({ state: 'detached' })
    await mary.open('Kitchen')
    await row(mary, 'with a file').getByText('plan.txt').waitFor()
    await mary.open('Garden')
  })

  it('reacts in the skin tone that one has chosen, on all devices', async () => {
    const { page } = mary
    await row(mary, 'message 3').hover()
    await row(mary, 'message 3').getByRole('button', { name: 'React' }).click()
    const picker = page.getByRole('dialog', { name: 'React' })
    await picker.locator('.emoji-tones label', { hasText: '✋🏽' }).click()
    await picker.getByRole('radio', { name: 'Medium', exact: true, checked: true }).waitFor()
    await picker.getByRole('button', { name: 'React with 👍🏽' }).waitFor()
    await look(page, 'tones-1440', '.popover')
    await picker.getByRole('searchbox').fill('waving hand')
    await picker.locator('.emoji-cell:visible', { hasText: '👋🏽' }).first().click()
    await row(mary, 'message 3').locator('.reaction', { hasText: '👋🏽' }).waitFor()
    await mary.box.fill('hello :wave:')
    await mary.box.fill('')
    await mary.box.pressSequentially('hi :wave:')
    await until('the code to be an emoji', async () => (await mary.box.inputValue()) === 'hi 👋🏽')
    await mary.box.fill('')
    await phone.page.evaluate(() => document.activeElement?.blur())
    await finger(phone, 'message 3', { rest: 1 })
    await phone.page.getByRole('menuitem', { name: 'React with 👍🏽' }).waitFor()
    await phone.page.keyboard.press('Escape')
  })

  it('has a sheet under a long press, which Back closes, and a thread under a swipe', async () => {
    const { page } = phone
    await finger(phone, 'message 4', { rest: 1 })
    const sheet = page.getByRole('menu')
    await sheet.getByRole('menuitem', { name: 'Copy text' }).waitFor()
    await until('it to lie at the foot', async () => {
      const box = await sheet.boundingBox()
      return box.x === 0 && box.width === 390 && Math.abs(box.y + box.height - 844) < 1
    })
    await look(page, 'sheet-390', '.menu')
    await page.goBack()
    await sheet.waitFor({ state: 'detached' })
    await row(phone, 'message 4').waitFor()
    await finger(phone, 'message 4', { rest: 1 })
    await sheet.getByRole('menuitem', { name: 'React with ❤️' }).click()
    await row(phone, 'message 4').locator('.reaction', { hasText: '❤️' }).waitFor()
    await finger(phone, 'message 4', { rest: 1 })
    await sheet.getByRole('menuitem', { name: 'Forward' }).click()
    const dialog = page.getByRole('dialog', { name: 'Forward message' })
    await dialog.waitFor()
    await look(page, 'forward-390', 'dialog[open]')
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await finger(phone, 'message 4', { aside: -40 })
    assert.equal(await page.getByRole('complementary', { name: 'Thread' }).count(), 0, 'a short one is none')
    await finger(phone, 'message 4', { aside: -90 })
    const thread = page.getByRole('complementary', { name: 'Thread' })
    await thread.getByRole('textbox', { name: /^Message to/ }).fill('an answer')
    await thread.getByRole('button', { name: 'Send', exact: true }).click()
    await thread.locator('.message[data-no]', { hasText: 'an answer' }).waitFor()
    await thread.locator('.message[data-no]', { hasText: 'an answer' }).evaluate(() => document.activeElement?.blur())
    await page.getByRole('button', { name: 'Close thread' }).click()
    await row(phone, 'message 4').getByText('1 reply').waitFor()
  })

  it('keeps what is typed before a dialog is there', async () => {
    const { page } = await Person.arrive(browser, server.url)
    let open
    const gate = new Promise((done) => (open = done))
    await page.route(/More-.*\.js$/, async (route) => (await gate, route.continue()))
    await page.goto(server.url)
    await page.getByLabel('Name').fill('Joe')
    await page.getByLabel('Password').fill('password123')
    await page.getByRole('button', { name: 'Log in' }).click()
    const box = page.getByRole('textbox', { name: /^Message to/ })
    await box.waitFor()
    await page.getByRole('button', { name: 'New room' }).click()
    await page.getByRole('menuitem', { name: 'Create a room' }).click()
    await page.keyboard.type('Attix')
    await page.keyboard.press('Backspace')
    await page.keyboard.type('c')
    open()
    const dialog = page.getByRole('dialog', { name: 'Create a room' })
    await dialog.waitFor()
    await until('the letters to be there', async () => (await dialog.getByRole('textbox').first().inputValue()) === 'Attic')
    assert.equal(await box.inputValue(), '')
    await page.context().close()
  })

  it('shows who has read it, while it is open, to those who show it themselves', async () => {
    const { page } = mary
    const { no } = await as.mary('POST', `/rooms/${room.id}/messages`, { text: 'who reads this?' })
    const more = async () => {
      await row(mary, 'who reads this?').focus()
      await row(mary, 'who reads this?').getByRole('button', { name: 'More' }).focus()
      await page.keyboard.press('Enter')
      await page.getByRole('menuitem', { name: 'Copy link' }).waitFor()
    }
    await mary.open('Garden')
    await row(mary, 'who reads this?').waitFor()
    await more()
    await page.evaluate(() => {
      // all keys at once, as a slow machine hands them over
      const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
      for (const key of [...'Read by', 'Enter']) press(key)
    })
    const dialog = page.getByRole('dialog', { name: 'Read by' })
    await dialog.getByText('0 of 1 person').waitFor()
    await as.joe('PUT', `/rooms/${room.id}/read`, { no })
    await dialog.getByRole('button', { name: 'Joe' }).waitFor() // by itself
    await dialog.getByText('1 of 1 person').waitFor()
    await look(page, 'read-by-1440', 'dialog[open]')
    await page.setViewportSize({ width: 390, height: 844 })
    await look(page, 'read-by-390', 'dialog[open]')
    await page.setViewportSize({ width: 1440, height: 900 })
    await as.joe('PATCH', '/account', { hides_reads: true })
    await dialog.getByText('0 of 0 people').waitFor()
    await page.keyboard.press('Escape')
    await page.evaluate(() => (location.hash = '#/settings/account'))
    const own = page.getByRole('checkbox', { name: 'Show others what I’ve read' })
    await own.uncheck()
    await until('it to be known', async () => (await as.mary('GET', '/account')).user.hides_reads === true)
    await look(page, 'privacy-1440', '.settings')
    await page.goBack()
    await row(mary, 'who reads this?').waitFor()
    await more()
    assert.equal(await page.getByRole('menuitem', { name: 'Read by…' }).count(), 0)
    await page.keyboard.press('Escape')
  })

  it('finds no fault in the pages', () => assert.deepEqual([...mary.faults, ...phone.faults], []))
})

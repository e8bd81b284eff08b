import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { axe, colours } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

describe('the field in which one writes', { skip: missing() }, () => {
  let server, browser, mary, phone, as
  before(async () => {
    server = await Server.start({ args: ['--max-sends=-1'] })
    browser = await launch()
    as = { mary: await server.caller('Mary'), joe: await server.caller('Joe') }
    await as.mary('POST', '/rooms', { name: 'Garden', kind: 'public', users: [as.joe.user.id] })
    await as.joe('POST', '/rooms', { name: 'Tea [green]', kind: 'public' })
    const options = { colorScheme: 'light', reducedMotion: 'reduce' }
    mary = await Person.arrive(browser, server.url, { ...options, viewport: { width: 1440, height: 900 } })
    await mary.logIn('Mary')
    await mary.open('Garden')
    phone = await Person.arrive(browser, server.url, { ...options, viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
    await phone.page.goto(server.url)
    await phone.page.getByLabel('Name').fill('Mary')
    await phone.page.getByLabel('Password').fill('password123')
    await phone.page.getByRole('button', { name: 'Log in' }).click()
    await openOnPhone('Garden')
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  const openOnPhone = async (title) => {
    await phone.page.locator('.room-item', { has: phone.page.locator('.room-title', { hasText: new RegExp(`^${title}$`) }) }).click()
    await phone.page.getByRole('heading', { level: 1, name: title }).waitFor()
  }
  const row = (person, text) => person.page.locator('main .message[data-no]', { hasText: text }).first()
  const value = (person, want) => until(`the field to say ${JSON.stringify(want)}`, async () => (await person.box.inputValue()) === want)
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

  it('has a bar of formats, by mouse and by keyboard, on all devices', async () => {
    const { page } = mary
    assert.equal(await page.getByRole('toolbar', { name: 'Formatting' }).count(), 0)
    await page.getByRole('button', { name: 'Formatting' }).click()
    const bar = page.getByRole('toolbar', { name: 'Formatting' })
    await bar.waitFor()
    await mary.box.fill('one\ntwo')
    await mary.box.press('Control+A')
    await bar.getByRole('button', { name: 'Bulleted list' }).click()
    await value(mary, '- one\n- two')
    await look(page, 'format-1440', '.composer')
    await mary.box.press('Control+Shift+8')
    await value(mary, 'one\ntwo')
    await mary.box.fill('code')
    await mary.box.press('Control+A')
    await page.keyboard.press('Shift+Tab') // attaching files
    await page.keyboard.press('Shift+Tab')
    await bar.getByRole('button', { name: 'Bold' }).and(page.locator(':focus')).waitFor()
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowRight')
    await bar.getByRole('button', { name: 'Code', exact: true }).and(page.locator(':focus')).waitFor()
    await page.keyboard.press('Enter')
    await value(mary, '`code`')
    await mary.box.press('Enter')
    await row(mary, 'code').locator('code').waitFor()
    const other = phone.page.getByRole('toolbar', { name: 'Formatting' })
    await other.waitFor()
    await look(phone.page, 'format-390', '.composer')
    await phone.box.fill('struck')
    await phone.box.evaluate((e) => e.select())
    await other.getByRole('button', { name: 'Strikethrough' }).tap()
    await value(phone, '~~struck~~')
    await phone.box.fill('')
    await page.getByRole('button', { name: 'Formatting' }).click()
    await other.waitFor({ state: 'detached' })
  })

  it('offers rooms for a #, also public ones that one is not in, and makes links of them', async () => {
    const { page } = mary
    await mary.box.pressSequentially('see #te')
    await page.getByRole('option', { name: /Tea \[green\]/ }).waitFor()
    await mary.box.press('Enter')
    assert.match(await mary.box.inputValue(), /^see \[#Tea \\\[green\\\]\]\(http.*#\/r\/[^)]+\) $/)
    await mary.box.press('Enter')
    await row(mary, 'see').getByRole('link', { name: '#Tea [green]' }).click()
    await page.getByRole('button', { name: 'Join' }).waitFor()
    await mary.open('Garden')
    await mary.box.fill('# a heading')
    assert.equal(await page.getByRole('option').count(), 0)
    await mary.box.fill('')
  })

  it('sends with Enter, or makes a line with it, as one likes', async () => {
    const { page } = mary
    await page.getByRole('button', { name: /^Your account/ }).click()
    await page.getByRole('menuitem', { name: 'Settings' }).click()
    await page.getByRole('checkbox', { name: 'Enter starts a new line' }).check()
    await look(page, 'writing-1440', '.admin-page')
    await page.getByRole('button', { name: 'Back to the chat' }).click()
    await mary.box.fill('first')
    await mary.box.press('End')
    await mary.box.press('Enter')
    await mary.box.pressSequentially('second')
    await value(mary, 'first\nsecond')
    await mary.box.press('Control+Enter')
    await row(mary, 'second').waitFor()
    await value(mary, '')
    await page.reload()
    await mary.box.fill('third')
    await mary.box.press('Enter')
    await value(mary, 'third\n')
    await mary.box.fill('')
    await page.getByRole('button', { name: /^Your account/ }).click()
    await page.getByRole('menuitem', { name: 'Settings' }).click()
    await page.getByRole('checkbox', { name: 'Enter starts a new line' }).uncheck()
    await page.getByRole('button', { name: 'Back to the chat' }).click()
    await mary.say('fourth')
    await row(mary, 'fourth').waitFor()
  })

  it('makes a line with Enter on a touch keyboard, also where a message is edited', async () => {
    const { page } = phone
    assert.equal(await phone.box.getAttribute('enterkeyhint'), 'enter')
    await phone.box.fill('tapped')
    await phone.box.press('End')
    await phone.box.press('Enter')
    await phone.box.pressSequentially('twice')
    await value(phone, 'tapped\ntwice')
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    await row(phone, 'twice').waitFor()
    await phone.box.press('ArrowUp')
    const field = page.locator('.edit-box textarea')
    await field.press('End')
    await field.press('Enter')
    await field.pressSequentially('thrice')
    assert.equal(await field.inputValue(), 'tapped\ntwice\nthrice')
    await page.locator('.edit-box').getByRole('button', { name: 'Save' }).click()
    await row(mary, 'thrice').waitFor()
  })

  it('sends as a file what is too long for a message', async () => {
    const drafts = async () => (await as.mary('GET', '/documents')).documents.find((d) => d.name === 'drafts')?.value.rooms ?? {}
    for (const person of [mary, phone]) {
      await until('no draft on the way to the other device', async () => Object.keys(await drafts()).length === 0)
      await value(person, '')
      const long = `${'many words '.repeat(1600)}end`
      await person.box.fill(long)
      const button = person.page.getByRole('button', { name: 'Send as a file' })
      await button.waitFor()
      await look(person.page, `long-${person === mary ? 1440 : 390}`, '.composer')
      await button.click()
      await person.page.locator('.composer').getByText('message.txt').waitFor()
      await value(person, '')
      await person.box.fill(`as a file, ${person === mary ? 'wide' : 'narrow'}`)
      await person.page.getByRole('button', { name: 'Send', exact: true }).click()
      await row(person, `as a file, ${person === mary ? 'wide' : 'narrow'}`).getByText('message.txt').waitFor()
    }
  })

  it('finds no fault in the pages', () => assert.deepEqual([...mary.faults, ...phone.faults], []))
})

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { axe, colours } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'
import { SMTP } from './lib/smtp.mjs'

const pages = ['settings/appearance', 'settings/notifications', 'settings/account', 'settings/language', 'people', 'admin/server']

describe('settings and people', { skip: missing() }, () => {
  let server, smtp, browser, pablo, mary, asJoe
  before(async () => {
    smtp = await SMTP.start()
    server = await Server.start({ args: ['--max-sends=-1', '--mail', smtp.url, '--mail-from', 'chat@example.com'] })
    browser = await launch()
    asJoe = await server.caller('Joe')
    pablo = await Person.arrive(browser, server.url, { reducedMotion: 'reduce' })
    mary = await Person.arrive(browser, server.url, { reducedMotion: 'reduce', timezoneId: 'Europe/Berlin', locale: 'en-US' })
    await pablo.logIn('Pablo')
    await mary.logIn('Mary')
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
    await smtp?.stop()
  })

  const go = async (person, at) => {
    await person.page.evaluate((hash) => (location.hash = `#/${hash}`), at)
    await person.page.locator('.admin-page h1').waitFor()
  }
  const back = (person) => person.page.getByRole('button', { name: 'Back to the chat' }).click()

  it('have addresses, and Back leads from one to the one before', async () => {
    const { page } = mary
    await page.getByRole('button', { name: /^Your account/ }).click()
    await page.getByRole('menuitem', { name: 'Settings' }).click()
    await page.getByRole('heading', { level: 1, name: 'Appearance' }).waitFor()
    assert.match(page.url(), /#\/settings\/appearance$/)
    await page.getByRole('link', { name: 'Account' }).click()
    await page.getByRole('heading', { level: 1, name: 'Account' }).waitFor()
    await page.reload()
    await page.getByRole('heading', { level: 1, name: 'Account' }).waitFor()
    await page.goBack()
    await page.getByRole('heading', { level: 1, name: 'Appearance' }).waitFor()
    await page.goBack()
    await mary.box.waitFor()
  })

  it('keep how the client looks in this browser, and the clock on all devices', async () => {
    const { page } = mary
    await asJoe('POST', '/rooms/general/messages', { text: 'a message to look at' })
    const message = page.locator('.message[data-no]', { hasText: 'a message to look at' })
    await message.waitFor()
    const size = () => message.locator('.markdown').evaluate((el) => el.getBoundingClientRect().height)
    const before = await size()
    await go(mary, 'settings/appearance')
    await page.getByRole('radio', { name: 'Larger' }).check()
    await page.getByRole('radio', { name: 'Compact' }).check()
    await page.getByRole('radio', { name: 'Dark' }).check()
    await page.getByRole('radio', { name: '24 hours' }).check()
    await back(mary)
    await message.waitFor()
    assert.ok((await size()) > before * 1.2, 'the text is larger')
    assert.match(await message.locator('time').first().innerText(), /^\d\d:\d\d$/)
    await page.reload()
    await message.waitFor()
    assert.deepEqual(await page.evaluate(() => ({ ...document.documentElement.dataset })), { theme: 'dark', density: 'compact', text: 'larger' })
    const other = await Person.arrive(browser, server.url, { locale: 'en-US' })
    await other.logIn('Mary')
    const there = other.page.locator('.message[data-no]', { hasText: 'a message to look at' })
    await until('the clock on the other device', async () => /^\d\d:\d\d$/.test(await there.locator('time').first().innerText()))
    assert.equal(await other.page.evaluate(() => document.documentElement.dataset.text), undefined)
    await go(other, 'settings/appearance')
    await other.page.getByRole('radio', { name: '12 hours' }).check()
    await until('the clock here', async () => /^\d{1,2}:\d\d.[AP]M$/.test(await message.locator('time').first().innerText()))
    assert.deepEqual(other.faults, [])
    await other.context.close()
    await go(mary, 'settings/appearance')
    for (const name of ['Normal', 'Comfortable', 'System']) await page.getByRole('radio', { name }).check()
    await back(mary)
  })

  it('keep keywords and quiet hours', async () => {
    const { page } = mary
    await go(mary, 'settings/notifications')
    await page.getByLabel('Keywords').fill('deploy, on call,deploy')
    await page.getByLabel('Keywords').press('Enter')
    await page.getByRole('checkbox', { name: /^No notifications/ }).check()
    await page.getByLabel('From').fill('21:30')
    await page.getByRole('checkbox', { name: 'Sunday' }).uncheck()
    const asMary = await server.caller('Mary')
    const kept = async () => (await asMary('GET', '/documents')).documents.find((d) => d.name === 'settings')?.value
    await until('it to be kept', async () => (await kept())?.quiet?.days.length === 6)
    const { keywords, quiet } = await kept()
    assert.deepEqual([keywords, quiet], [['deploy', 'on call'], { days: [1, 2, 3, 4, 5, 6], from: '21:30', to: '08:00', zone: await mary.page.evaluate(() => Intl.DateTimeFormat().resolvedOptions().timeZone) }])
    await page.reload()
    await until('the keywords', async () => (await page.getByLabel('Keywords').inputValue()) === 'deploy, on call')
    assert.equal(await page.getByRole('checkbox', { name: 'Sunday' }).isChecked(), false)
    await page.getByRole('checkbox', { name: /^No notifications/ }).uncheck()
    await back(mary)
  })

  it('show people what others do, and lead to them', async () => {
    await go(mary, 'settings/account')
    await mary.page.getByRole('button', { name: 'Edit profile' }).click()
    const dialog = mary.page.getByRole('dialog', { name: 'Edit profile' })
    await dialog.getByLabel('Title', { exact: true }).fill('Head of Bridges')
    await dialog.getByLabel('Phone').fill('call me')
    await dialog.getByLabel('Time zone').selectOption('Asia/Tokyo')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.locator('.field-error', { hasText: 'digits' }).waitFor()
    await dialog.getByLabel('Phone').fill('+49 (30) 1234')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.waitFor({ state: 'detached' })
    await back(mary)

    const { page } = pablo
    await page.getByRole('button', { name: /^Your account/ }).click()
    await page.getByRole('menuitem', { name: 'People', exact: true }).click()
    const row = page.locator('.person', { hasText: 'Mary' })
    await row.getByText('Head of Bridges').waitFor()
    const find = page.getByRole('searchbox', { name: 'Find people' })
    for (const typed of ['bridges', '301234', 'mary']) {
      await find.fill(typed)
      await until(`one by ${typed}`, async () => (await page.locator('.person').count()) === 1)
    }
    await row.getByRole('button').click()
    const card = page.getByRole('dialog', { name: 'Profile' })
    await card.getByText('Head of Bridges').waitFor()
    await card.getByText(/\(Asia\/Tokyo\)/).waitFor()
    assert.equal(await card.getByRole('link', { name: '+49 (30) 1234' }).getAttribute('href'), 'tel:+49301234')
    await card.getByRole('button', { name: 'Message' }).click()
    await page.getByRole('heading', { level: 1, name: 'Mary' }).waitFor()
    await pablo.open('General')
  })

  it('rename people, with a trail', async () => {
    const { page } = mary
    await go(mary, 'settings/account')
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Joe')
    await page.getByRole('button', { name: 'Change name' }).click()
    await page.locator('.field-error', { hasText: 'taken' }).waitFor()
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Mary Mae')
    await page.getByRole('button', { name: 'Change name' }).click()
    await page.getByText('Name changed').waitFor()
    await back(mary)
    await page.locator('.account-name', { hasText: 'Mary Mae' }).waitFor()
    await go(pablo, 'people')
    await pablo.page.locator('.person', { hasText: 'Mary Mae' }).getByRole('button').click()
    const card = pablo.page.getByRole('dialog', { name: 'Profile' })
    await card.getByText('Formerly').waitFor()
    await card.getByRole('button', { name: 'Manage' }).click()
    await pablo.page.getByRole('menuitem', { name: 'Rename…' }).click()
    const dialog = pablo.page.getByRole('dialog', { name: 'Rename Mary Mae' })
    await dialog.getByLabel('Name').fill('Mary')
    await dialog.getByRole('button', { name: 'Change name' }).click()
    await dialog.waitFor({ state: 'detached' })
    await page.locator('.account-name', { hasText: /^Mary$/ }).waitFor()
    await go(pablo, 'admin/audit')
    await pablo.page.getByText('Pablo changed a name: Mary Mae → Mary.').waitFor()
    await pablo.page.getByText('Mary changed a name: Mary → Mary Mae.').waitFor()
    await back(pablo)
    // The name that she had leads to her as long as nobody else has it.
    await asJoe('POST', '/rooms/general/messages', { text: 'hello @Mary Mae' })
    await pablo.page.locator('button.mention', { hasText: '@Mary Mae' }).waitFor()
  })

  it('rename the server, for its owner', async () => {
    const { page } = pablo
    await go(pablo, 'admin/server')
    await page.getByRole('textbox', { name: 'Name' }).fill('Northwind')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('The server is now called Northwind').waitFor()
    await back(pablo)
    await page.locator('.sidebar-name', { hasText: 'Northwind' }).waitFor()
    await mary.page.reload()
    await mary.page.locator('.sidebar-name', { hasText: 'Northwind' }).waitFor()
  })

  it('keep a mail address once the link that goes there was followed, and mail what was missed until told not to', async () => {
    const { page } = pablo
    const mail = page.getByRole('region', { name: 'Mail address' })
    await go(pablo, 'settings/account')
    await mail.getByText('No mail address yet').waitFor()
    await mail.getByLabel('Mail address').fill('pablo@example.com')
    await mail.getByRole('button', { name: 'Send link', exact: true }).click()
    await mail.locator('li', { hasText: 'pablo@example.com' }).getByText('Not confirmed yet').waitFor()
    await mail.getByRole('button', { name: 'Send link again' }).waitFor()

    const [link] = /\/mail\/confirm\/\S+/.exec(await smtp.next('pablo@example.com'))
    await page.goto(server.url + link)
    await page.emulateMedia({ colorScheme: 'dark' })
    assert.deepEqual(await axe(page), [])
    await page.emulateMedia({ colorScheme: null })
    await page.getByRole('button', { name: 'Confirm address' }).click()
    await page.getByText('This is now the address of your account').waitFor()

    await page.goto(`${server.url}/#/settings/account`)
    await mail.locator('li', { hasText: 'pablo@example.com' }).getByText('Confirmed', { exact: true }).waitFor()
    await page.getByRole('link', { name: 'Notifications' }).click()
    const missed = page.getByRole('checkbox', { name: 'Mail what I missed' })
    assert.equal(await missed.isChecked(), true)
    await missed.uncheck()
    const asPablo = await server.caller('Pablo')
    await until('the server to know', async () => (await asPablo('GET', '/account/mail')).notify === false)
    await back(pablo)
  })

  for (const [width, locale, scheme] of [[1440, 'en', 'light'], [390, 'en', 'dark'], [390, 'ar', 'light'], [1440, 'ja', 'dark']]) {
    it(`can be used by all at ${width} px, in ${locale}, ${scheme}`, async () => {
      const who = await Person.arrive(browser, server.url, { colorScheme: scheme, reducedMotion: 'reduce' })
      await who.logIn('Pablo')
      await who.page.setViewportSize({ width, height: 844 })
      await who.page.evaluate((l) => localStorage.setItem('parley:language', l), locale)
      await who.page.reload()
      await who.page.locator('.sidebar:visible, .room-head:visible').first().waitFor()
      const found = []
      for (const at of pages) {
        await go(who, at)
        await who.page.locator('.person, .settings > *, .admin-form').first().waitFor()
        if (at.endsWith('notifications')) await who.page.locator('[aria-describedby=quiet-about]').check()
        await until(`${at} not to be wider than the window`, () => who.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth && [...document.querySelectorAll('.admin-page *')].every((el) => el.getBoundingClientRect().right <= innerWidth + 1)))
        found.push(...(await axe(who.page, 'html', scheme === 'dark' ? colours : undefined)).map((f) => `${at}: ${f}`)) // the rest is the same in light
        if (process.env.SHOTS) {
          mkdirSync(process.env.SHOTS, { recursive: true })
          await who.page.screenshot({ path: join(process.env.SHOTS, `${at.replace('/', '-')}-${width}-${locale}-${scheme}.png`) })
        }
      }
      assert.deepEqual(found, [])
      assert.deepEqual(who.faults, [])
      await who.context.close()
    })
  }

  it('broke nothing', () => assert.deepEqual([...mary.faults, ...pablo.faults], []))
})

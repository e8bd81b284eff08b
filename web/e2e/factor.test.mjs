import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { axe, colours } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'
import { SMTP } from './lib/smtp.mjs'

/** What an authenticator app shows now for a secret in base32. */
function appCode(secret) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)))
  const sum = createHmac('sha1', key).update(step).digest()
  return String((sum.readUInt32BE(sum[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

describe('a second factor, and a password that was forgotten', { skip: missing() }, () => {
  let server, smtp, browser, pablo, mary, codes
  before(async () => {
    smtp = await SMTP.start()
    server = await Server.start({ args: ['--mail', smtp.url, '--mail-from', 'chat@example.com'] })
    browser = await launch()
    mary = await Person.arrive(browser, server.url)
    pablo = await Person.arrive(browser, server.url)
    const asMary = await server.caller('Mary')
    await asMary('PUT', '/account/mail', { address: 'mary@example.com', password: 'password123' })
    const [link] = /\/mail\/confirm\/\S+/.exec(await smtp.next('mary@example.com'))
    await mary.page.goto(server.url + link)
    await mary.page.getByRole('button', { name: 'Confirm address' }).click()
    await mary.page.getByText('This is now the address of your account').waitFor()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
    await smtp?.stop()
  })

  /** Looks at something at both widths, in both schemes. */
  const look = async (page, where, name) => {
    for (const width of [390, 1440]) {
      for (const colorScheme of ['dark', 'light']) {
        await page.setViewportSize({ width, height: 844 })
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        assert.deepEqual(await axe(page, where, colorScheme === 'dark' ? colours : undefined), [])
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} is wider than ${width} px`)
        if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}-${width}-${colorScheme}.png` })
      }
    }
    await page.setViewportSize({ width: 1280, height: 800 })
  }
  /** Goes through setting it up, and returns the recovery codes. */
  const setUp = async (page) => {
    const secret = await page.getByRole('textbox', { name: 'Key' }).inputValue()
    await page.getByLabel('Code', { exact: true }).fill(appCode(secret))
    await page.getByRole('button', { name: 'Turn on' }).click()
    await page.getByRole('heading', { name: 'Recovery codes' }).waitFor()
    return page.locator('.recovery-codes code').allInnerTexts()
  }
  /** Logs in by the form up to the code. */
  const typePassword = async (person, name, password = 'password123') => {
    await person.context.clearCookies()
    await person.page.goto('about:blank')
    await person.page.goto(server.url)
    await person.page.getByLabel('Name').fill(name)
    await person.page.getByLabel('Password').fill(password)
    await person.page.getByRole('button', { name: 'Log in' }).click()
  }

  it('is set up in the settings', async () => {
    const { page } = mary
    await mary.logIn('Mary')
    await page.goto(`${server.url}/#/settings/account`)
    const section = page.getByRole('region', { name: 'Second factor' })
    await section.getByRole('button', { name: 'Set up' }).click()
    await section.getByRole('img', { name: 'QR code for the authenticator app' }).waitFor()
    await look(page, '#account-factor ~ *', 'factor')
    await section.getByLabel('Code', { exact: true }).fill('000000')
    await section.getByRole('button', { name: 'Turn on' }).click()
    await section.locator('.field-error').waitFor()
    codes = await setUp(page)
    assert.equal(codes.length, 10)
    await look(page, '#account-factor ~ *', 'recovery')
    await section.getByRole('button', { name: 'I’ve saved them' }).click()
    await section.getByText('Recovery codes left: 10').waitFor()
  })

  it('is asked for at the next log-in', async () => {
    const { page } = mary
    await typePassword(mary, 'Mary')
    const code = page.getByLabel('Code', { exact: true })
    await code.waitFor()
    await look(page, 'main', 'code')
    await code.fill('123456')
    await page.keyboard.press('Enter')
    await page.locator('.field-error', { hasText: 'wrong or was used' }).waitFor()
    await code.fill(codes.pop())
    await page.keyboard.press('Enter')
    await mary.box.waitFor()
  })

  it('is asked for again before what is dangerous, and then that is done', async () => {
    const { page } = mary
    let old = true // as a log-in is after ten minutes
    await page.routeWebSocket(/\/api\/v1\/ws$/, (ws) => {
      const to = ws.connectToServer()
      ws.onMessage((data) => {
        const frame = JSON.parse(data)
        if (frame.method === 'session.prove') old = false
        if (old && frame.method === 'factor.recovery') ws.send(JSON.stringify({ jsonrpc: '2.0', id: frame.id, error: { code: -32000, message: 'Confirm that it is you, and try again.', data: { code: 'forbidden', because: { kind: 'proof' } } } }))
        else to.send(data)
      })
    })
    await page.goto(`${server.url}/#/settings/account`)
    await page.reload()
    const section = page.getByRole('region', { name: 'Second factor' })
    const dialog = page.getByRole('dialog', { name: 'Confirm that it’s you' })
    await section.getByRole('button', { name: 'New recovery codes' }).click()
    await dialog.waitFor()
    await look(page, 'dialog', 'prove')
    await page.keyboard.press('Escape')
    await section.getByRole('alert').getByText('Confirm that it’s you').waitFor()
    await section.getByRole('button', { name: 'New recovery codes' }).click()
    await dialog.getByLabel('Code').fill('123456')
    await page.keyboard.press('Enter')
    await dialog.locator('.field-error').waitFor()
    await dialog.getByLabel('Code').fill(codes.pop())
    await page.keyboard.press('Enter')
    await dialog.waitFor({ state: 'detached' })
    await section.getByRole('heading', { name: 'Recovery codes' }).waitFor()
    codes = await section.locator('.recovery-codes code').allInnerTexts()
    await section.getByRole('button', { name: 'I’ve saved them' }).click()
  })

  it('is needed where the owner says so: nothing else can be done before', async () => {
    const { page } = pablo
    await pablo.logIn('Pablo')
    await page.goto(`${server.url}/#/admin/server`)
    await page.getByLabel('Second factor required for').selectOption({ label: 'Admins and owners' })
    await until('the server to know', async () => (await (await fetch(`${server.url}/api/v1/server`)).json()).second_factor === 'admins')
    await typePassword(pablo, 'Pablo')
    await page.getByRole('heading', { name: 'Set up a second factor' }).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Set up a second factor' }).waitFor()
    await page.getByRole('textbox', { name: 'Key' }).waitFor()
    await look(page, 'main', 'enrol')
    await setUp(page)
    await page.getByRole('button', { name: 'I’ve saved them' }).click()
    await pablo.box.waitFor()
  })

  it('stays when a forgotten password is replaced by mail', async () => {
    const { page } = mary
    await page.unrouteAll()
    await mary.context.clearCookies()
    await page.goto('about:blank')
    await page.goto(server.url)
    await page.getByRole('button', { name: 'Forgot your password?' }).click()
    await look(page, 'main', 'forgot')
    await page.getByLabel('Name').fill('mary')
    await page.getByRole('button', { name: 'Send link' }).click()
    await page.getByText('a link is on its way').waitFor()
    let mail = ''
    while (!mail.includes('#reset=')) mail = await smtp.next('mary@example.com') // there are warnings, too
    const [link] = /#reset=\S+/.exec(mail)
    await page.goto('about:blank')
    await page.goto(`${server.url}/${link}`)
    await page.getByLabel('New password').fill('another good phrase')
    await look(page, 'main', 'reset')
    await page.getByRole('button', { name: 'Save and log in' }).click()
    await page.getByLabel('Code', { exact: true }).fill(codes.pop())
    await page.getByRole('button', { name: 'Save and log in' }).click()
    await mary.box.waitFor()
    assert.doesNotMatch(page.url(), /reset/)
  })

  it('is taken away by an admin, who also hands out links to new passwords', async () => {
    const { page } = pablo
    await page.goto(`${server.url}/#/admin/people`)
    const menu = async (name, item) => {
      await page.locator('.person', { hasText: name }).getByRole('button', { name: /^Manage/ }).click()
      await page.getByRole('menuitem', { name: item }).click()
    }
    await menu('Mary', 'Remove second factor…')
    await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click()
    await page.getByText('Second factor removed.').waitFor()
    await menu('Mary', 'Remove second factor…')
    await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click()
    await page.getByText('There’s no second factor to remove.').waitFor()
    await page.keyboard.press('Escape')
    await menu('Joe', 'Password link…')
    const dialog = page.getByRole('dialog', { name: 'Link to set a new password' })
    await dialog.getByRole('button', { name: 'Create link' }).click()
    const link = await dialog.getByRole('textbox', { name: 'Link' }).inputValue()
    const joe = await Person.arrive(browser, server.url)
    await joe.page.goto(link)
    await joe.page.getByLabel('New password').fill('joe has a new one')
    await joe.page.getByRole('button', { name: 'Save and log in' }).click()
    await joe.box.waitFor()
    await typePassword(joe, 'Joe', 'joe has a new one')
    await joe.box.waitFor()
    await typePassword(mary, 'Mary', 'another good phrase')
    await mary.box.waitFor()
    for (const who of [pablo, mary, joe]) assert.deepEqual(who.faults, [])
  })
})

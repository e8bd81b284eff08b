import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { axe, colours } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server } from './lib/server.mjs'

describe('passkeys', { skip: missing() }, () => {
  let server, browser, mary, codes
  before(async () => {
    server = await Server.start({ named: true })
    browser = await launch()
    mary = await Person.arrive(browser, server.url)
    const cdp = await mary.context.newCDPSession(mary.page)
    await cdp.send('WebAuthn.enable')
    await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    })
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
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
  const outside = async () => {
    await mary.context.clearCookies()
    await mary.page.goto('about:blank')
    await mary.page.goto(server.url)
    await mary.page.getByRole('button', { name: 'Log in with a passkey' }).waitFor()
  }
  const typePassword = async () => {
    await mary.page.getByLabel('Name').fill('Mary')
    await mary.page.getByLabel('Password').fill('password123')
    await mary.page.getByRole('button', { name: 'Log in', exact: true }).click()
  }

  it('is added in the settings, with recovery codes, and gets a name', async () => {
    const { page } = mary
    await mary.logIn('Mary')
    await page.goto(`${server.url}/#/settings/account`)
    const section = page.getByRole('region', { name: 'Passkeys' })
    await section.getByRole('button', { name: 'Add passkey' }).click()
    await section.getByRole('heading', { name: 'Recovery codes' }).waitFor()
    codes = await section.locator('.recovery-codes code').allInnerTexts()
    assert.equal(codes.length, 10)
    await section.getByRole('button', { name: 'I’ve saved them' }).click()
    await section.getByRole('button', { name: 'Rename Chrome on Linux' }).click()
    await section.getByLabel('Name').fill('Work laptop')
    await page.keyboard.press('Enter')
    await section.getByText('Work laptop').waitFor()
    await section.getByText('never used').waitFor()
    await section.scrollIntoViewIfNeeded()
    await look(page, '[aria-labelledby="account-passkeys"]', 'passkeys')
    await section.getByRole('button', { name: 'Add passkey' }).click()
    await section.getByRole('alert').getByText('already has a passkey').waitFor()
  })

  it('logs in without a password', async () => {
    await outside()
    await look(mary.page, 'main', 'passkey-login')
    await mary.page.getByRole('button', { name: 'Log in with a passkey' }).click()
    await mary.box.waitFor()
  })

  it('is asked for after the password', async () => {
    const { page } = mary
    await outside()
    await typePassword()
    await page.getByText('or enter a recovery code').waitFor()
    await look(page, 'main', 'passkey-second')
    await page.getByRole('button', { name: 'Use a passkey' }).click()
    await mary.box.waitFor()
    await outside()
    await typePassword()
    await page.getByLabel('Code', { exact: true }).fill(codes.pop())
    await page.keyboard.press('Enter')
    await mary.box.waitFor()
  })

  it('proves who it is before it is removed, and then logs in no more', async () => {
    const { page } = mary
    let old = true // as a log-in is after ten minutes
    await page.routeWebSocket(/\/api\/v1\/ws$/, (ws) => {
      const to = ws.connectToServer()
      ws.onMessage((data) => {
        const frame = JSON.parse(data)
        if (frame.method === 'session.prove') old = false
        if (old && frame.method === 'passkey.delete') ws.send(JSON.stringify({ jsonrpc: '2.0', id: frame.id, error: { code: -32000, message: 'Confirm that it is you, and try again.', data: { code: 'forbidden', because: { kind: 'proof' } } } }))
        else to.send(data)
      })
    })
    await page.goto(`${server.url}/#/settings/account`)
    await page.reload()
    await page.getByRole('button', { name: 'Remove Work laptop' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click()
    const dialog = page.getByRole('dialog', { name: 'Confirm that it’s you' })
    await dialog.getByRole('button', { name: 'Use a passkey' }).waitFor()
    await look(page, 'dialog', 'passkey-prove')
    await dialog.getByRole('button', { name: 'Use a passkey' }).click()
    await page.getByText('Passkey removed.').waitFor()
    await outside()
    await page.getByRole('button', { name: 'Log in with a passkey' }).click()
    await page.getByText('This passkey does not work here').waitFor()
    await typePassword()
    await mary.box.waitFor()
    assert.deepEqual(mary.faults, [])
  })

  it('works at one address, and the page says which', async () => {
    const other = await Person.arrive(browser, `http://127.0.0.1:${server.port}`)
    await other.page.goto(other.url)
    await other.page.getByRole('button', { name: 'Log in with a passkey' }).click()
    await other.page.getByText(`Passkeys work only at ${server.url}.`).waitFor()
  })
})

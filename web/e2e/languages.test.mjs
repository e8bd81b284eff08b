import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { overlaps } from './lib/overlap.mjs'
import { Server } from './lib/server.mjs'

describe('languages', { skip: missing() }, () => {
  let server, browser
  before(async () => {
    server = await Server.start()
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  it('follows the browser, can be changed in the settings, and stays changed', async () => {
    const mary = await Person.arrive(browser, server.url, { locale: 'de-AT' })
    const { page } = mary
    await page.goto(server.url)
    await page.getByLabel('Name').fill('Mary')
    await page.getByLabel('Passwort').fill('wrong-wrong')
    await page.getByRole('button', { name: 'Anmelden' }).click()
    await page.getByText('Name oder Passwort ist falsch.').waitFor()
    await page.getByLabel('Passwort').fill('password123')
    await page.getByRole('button', { name: 'Anmelden' }).click()
    await page.getByRole('textbox', { name: 'Nachricht an General' }).waitFor()
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'de')
    await page.getByRole('button', { name: /^Dein Konto/ }).click()
    await page.getByRole('menuitem', { name: 'Einstellungen' }).click()
    await page.getByLabel('Sprache').selectOption('en')
    await page.getByRole('heading', { name: 'Settings' }).waitFor() // the dialog is still there
    await page.reload()
    await page.getByRole('textbox', { name: 'Message to General' }).waitFor()
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'en')
    assert.deepEqual(mary.faults, [])
    await mary.context.close()
  })

  for (const width of [390, 820, 1440]) {
    it(`lies right at ${width} px in German, and from right to left`, async () => {
      const mary = await Person.arrive(browser, server.url, { locale: 'de-DE', viewport: { width, height: 844 } })
      const { page } = mary
      const shot = async (name) => {
        if (!process.env.SHOTS) return
        mkdirSync(process.env.SHOTS, { recursive: true })
        await page.screenshot({ path: join(process.env.SHOTS, `${name}-${width}.png`) })
      }
      await page.goto(server.url)
      await page.getByLabel('Name').fill('Mary')
      await page.getByLabel('Passwort').fill('password123')
      await page.getByRole('button', { name: 'Anmelden' }).click()
      await page.locator('.room-item').first().waitFor()
      for (const dir of ['ltr', 'rtl']) {
        await page.evaluate((d) => (document.documentElement.dir = d), dir)
        if (width < 720) {
          await page.locator('.sidebar').waitFor()
          assert.deepEqual(await overlaps(page), [], `list, ${dir}`)
          await shot(`list-${dir}`)
        }
        await page.locator('.room-item', { hasText: 'General' }).click()
        await page.locator('.message').last().waitFor()
        assert.deepEqual(await overlaps(page), [], `room, ${dir}`)
        await shot(`room-${dir}`)
        await page.getByRole('button', { name: /^\d+ Mitglieder?$/ }).click()
        await page.locator('.member').first().waitFor()
        assert.deepEqual(await overlaps(page), [], `members, ${dir}`)
        await shot(`members-${dir}`)
        // The panel stands at the end of the line, the list at its beginning.
        if (width === 1440) {
          const [list, panel] = await page.evaluate(() => ['.sidebar', '.members'].map((s) => document.querySelector(s).getBoundingClientRect().left))
          assert.equal(list < panel, dir === 'ltr')
        }
        await page.getByRole('button', { name: 'Personenliste schließen' }).click()
        await page.keyboard.press('Control+k')
        await page.getByRole('combobox').waitFor()
        assert.deepEqual(await overlaps(page), [], `switcher, ${dir}`)
        await page.keyboard.press('Escape')
        if (width < 720) await page.getByRole('button', { name: 'Zurück zur Liste' }).click()
      }
      assert.deepEqual(mary.faults, [])
      await mary.context.close()
    })
  }
})

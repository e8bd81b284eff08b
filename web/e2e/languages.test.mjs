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
    await page.getByRole('link', { name: 'Sprache' }).click()
    await page.getByRole('combobox', { name: 'Sprache' }).selectOption('en')
    await page.getByRole('heading', { name: 'Language' }).waitFor() // the page is still there
    await page.reload()
    await page.getByRole('heading', { name: 'Language' }).waitFor()
    await page.getByRole('button', { name: 'Back to the chat' }).click()
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

  // Found by what they are, not by their texts: those differ.
  for (const [locale, dir] of [['ar-EG', 'rtl'], ['ja-JP', 'ltr'], ['pl-PL', 'ltr']]) {
    for (const width of [390, 1440]) {
      it(`shows its screens in ${locale} at ${width} px`, async () => {
        const pablo = await Person.arrive(browser, server.url, { locale, viewport: { width, height: 844 } })
        const { page } = pablo
        const check = async (name) => {
          assert.deepEqual(await overlaps(page), [], `${name}, ${locale}`)
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
          assert.equal(wide, 0, `${name} is wider than the page`)
          if (!process.env.SHOTS) return
          mkdirSync(process.env.SHOTS, { recursive: true })
          await page.waitForTimeout(250) // transitions
          await page.screenshot({ path: join(process.env.SHOTS, `${locale}-${width}-${name}.png`) })
        }
        const open = async (name, act) => {
          await act()
          await page.locator('dialog[open], [role=dialog]').last().waitFor()
          await check(name)
          await page.keyboard.press('Escape')
          await page.locator('dialog[open], [role=dialog]').waitFor({ state: 'detached' })
        }
        await page.goto(server.url)
        await page.locator('input[autocomplete=username]').fill('Pablo')
        await check('gate')
        await page.locator('input[type=password]').fill('password123')
        await page.keyboard.press('Enter')
        await page.locator('.room-item').first().waitFor()
        assert.equal(await page.evaluate(() => document.documentElement.dir), dir)
        if (width < 720) {
          await check('list')
          await page.locator('.room-item', { hasText: 'General' }).click()
        }
        await page.locator('.message').last().waitFor()
        await check('room')
        await page.locator('.message').last().hover()
        await page.locator('.message-actions button[aria-haspopup=menu]').last().click()
        await page.getByRole('menu').waitFor()
        await check('message-menu')
        await page.keyboard.press('Escape')
        await page.locator('.room-head button[aria-haspopup=menu]').last().click()
        await page.getByRole('menu').waitFor()
        await check('room-menu')
        await page.keyboard.press('Escape')
        await open('help', () => page.keyboard.press('Control+/'))
        await open('switcher', () => page.keyboard.press('Control+k'))
        await page.goto(`${server.url}/#/admin/people`)
        await page.locator('.shell-page table, .shell-page ul, .shell-page li').first().waitFor()
        await check('admin-people')
        await page.goto(`${server.url}/#/admin/audit`)
        await page.locator('.shell-page').waitFor()
        await check('admin-audit')
        assert.deepEqual(pablo.faults, [])
        await pablo.context.close()
      })
    }
  }
})

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { overlaps } from './lib/overlap.mjs'
import { Server } from './lib/server.mjs'

describe('emoji', { skip: missing() }, () => {
  let server, browser
  before(async () => {
    server = await Server.start()
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  it('come by their short code, with the keyboard', async () => {
    const mary = await (await Person.arrive(browser, server.url)).logIn('Mary')
    const { page, box } = mary
    await box.pressSequentially('off we go :rocke')
    await page.getByRole('option', { name: /rocket/ }).first().waitFor()
    await box.press('Enter')
    assert.equal(await box.inputValue(), 'off we go 🚀 ')
    await box.pressSequentially(':tada:')
    await page.waitForFunction(() => document.querySelector('.composer textarea').value === 'off we go 🚀 🎉')
    await box.press('Enter')
    await mary.sees('off we go 🚀 🎉')
    await box.pressSequentially(':smi')
    await page.getByRole('option').first().waitFor()
    await box.press('Escape') // no list, no choice: Enter sends
    await page.getByRole('option').first().waitFor({ state: 'detached' })
    await box.press('Enter')
    await mary.sees(':smi')
    assert.deepEqual(mary.faults, [])
    await mary.context.close()
  })

  for (const width of [390, 1440]) {
    it(`are picked from all there are, at ${width} px`, async () => {
      const mary = await Person.arrive(browser, server.url, { viewport: { width, height: 844 } })
      const { page } = mary
      await mary.enter('Mary')
      const loaded = []
      page.on('request', (r) => loaded.push(new URL(r.url()).pathname))
      await page.locator('.room-item', { hasText: 'General' }).click()
      await mary.box.fill('lunch: ')
      const picker = page.getByRole('dialog', { name: 'Emoji' })
      const button = page.getByRole('button', { name: 'Emoji' })
      await button.focus()
      await page.keyboard.press('Enter')
      await picker.locator('.emoji-cell:visible').first().waitFor()
      assert.ok(loaded.some((p) => /\/Picker-.*\.js$/.test(p)), 'the picker is loaded only now')
      assert.deepEqual(await overlaps(page), [])
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/emoji-${width}.png` })
      await page.keyboard.type('pizza')
      await picker.locator('.emoji-cell:visible', { hasText: '🍕' }).waitFor()
      await page.keyboard.press('Enter')
      await picker.waitFor({ state: 'detached' })
      assert.equal(await mary.box.inputValue(), 'lunch: 🍕')
      assert.ok(await mary.box.evaluate((e) => e === document.activeElement), 'writing goes on')
      await button.click()
      await picker.waitFor()
      await page.keyboard.press('Escape')
      await picker.waitFor({ state: 'detached' })
      assert.deepEqual(mary.faults, [])
      await mary.context.close()
    })
  }
})

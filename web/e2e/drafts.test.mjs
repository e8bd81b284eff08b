import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server } from './lib/server.mjs'

describe('what one is writing', { skip: missing() }, () => {
  let server, browser
  before(async () => {
    server = await Server.start()
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  it('stays with its room, also over a reload, shows in the list, and goes with log-out', async () => {
    await (await server.caller('Mary'))('PUT', '/documents/sidebar', { was: 0, value: { previews: true } })
    const mary = await (await Person.arrive(browser, server.url)).logIn('Mary')
    const { page } = mary
    const item = (title) => page.locator('.room-item', { has: page.locator('.room-title', { hasText: new RegExp(`^${title}$`) }) })
    await mary.box.fill('half a\nthought')
    await mary.open('Alex')
    await item('General').locator('.room-draft', { hasText: 'Draft:' }).waitFor()
    assert.match(await item('General').innerText(), /Draft:\s+half a thought/)
    await mary.box.fill('for Alex')
    await page.reload()
    await mary.box.waitFor()
    assert.equal(await mary.box.inputValue(), 'for Alex')
    assert.match(await item('General').innerText(), /Draft:\s+half a thought/)
    await mary.open('General')
    assert.equal(await mary.box.inputValue(), 'half a\nthought')
    await mary.box.press('Enter')
    await mary.open('Alex')
    await item('General').locator('.room-draft').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: /^Your account/ }).click()
    await page.getByRole('menuitem', { name: 'Log out' }).click()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage).filter((k) => k.includes('draft'))), [])
    assert.deepEqual(mary.faults, [])
    await mary.context.close()
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

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

  it('is there on all devices; an old draft comes not back, and where both wrote, both texts stay', async () => {
    const joe = await (await Person.arrive(browser, server.url, { viewport: { width: 1440, height: 900 } })).logIn('Joe')
    const phone = await Person.arrive(browser, server.url, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
    await phone.page.goto(server.url)
    await phone.page.getByLabel('Name').fill('Joe')
    await phone.page.getByLabel('Password').fill('password123')
    await phone.page.getByRole('button', { name: 'Log in' }).click()
    const value = (person, want) => until(`the field to say ${JSON.stringify(want)}`, async () => (await person.box.inputValue()) === want)
    await joe.box.fill('half a thought')
    const item = phone.page.locator('.room-item', { has: phone.page.locator('.room-title', { hasText: /^General$/ }) })
    await item.locator('.room-draft', { hasText: 'Draft:' }).waitFor()
    await item.click()
    await value(phone, 'half a thought')
    await phone.box.fill('half a thought, and more')
    await value(joe, 'half a thought, and more')

    // One is away, and goes on writing; so does the other.
    await phone.context.setOffline(true)
    await phone.page.locator('.connection').waitFor()
    await phone.box.fill('written in the train')
    await joe.box.fill('written at the desk')
    await until('the server to know it', async () =>
      JSON.stringify(await joe.page.evaluate(async () => (await fetch('/api/v1/documents')).json())).includes('written at the desk'),
    )
    await phone.context.setOffline(false)
    for (const person of [phone, joe]) await value(person, 'written at the desk\n\nwritten in the train')

    // What is sent here is gone there, also where one was away.
    await phone.context.setOffline(true)
    await phone.page.locator('.connection').waitFor()
    await joe.box.press('Enter')
    await joe.sees('written at the desk')
    await until('the server to have none', async () =>
      !JSON.stringify(await joe.page.evaluate(async () => (await fetch('/api/v1/documents')).json())).includes('written'),
    )
    await phone.context.setOffline(false)
    await value(phone, '')
    await value(joe, '')

    // They survive a log-out.
    await joe.box.fill('for tomorrow')
    await joe.page.getByRole('button', { name: /^Your account/ }).click()
    await joe.page.getByRole('menuitem', { name: 'Log out' }).click()
    await joe.page.getByRole('button', { name: 'Log in' }).waitFor()
    await value(phone, 'for tomorrow')
    await joe.logIn('Joe')
    await value(joe, 'for tomorrow')
    assert.deepEqual([...joe.faults, ...phone.faults], [])
    await joe.context.close()
    await phone.context.close()
  })
})

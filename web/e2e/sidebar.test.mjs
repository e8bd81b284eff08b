import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { axe, colours } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

describe('the sidebar', { skip: missing() }, () => {
  let server, browser, mary, phone, as
  const rooms = {}
  before(async () => {
    server = await Server.start({ args: ['--max-sends=-1'] })
    browser = await launch()
    as = { mary: await server.caller('Mary'), joe: await server.caller('Joe') }
    for (const name of ['Zebra', 'Alpha', 'Kilo', 'Mike']) rooms[name] = await as.mary('POST', '/rooms', { name, kind: 'private', users: [as.joe.user.id] })
    const options = { colorScheme: 'light', reducedMotion: 'reduce' }
    mary = await Person.arrive(browser, server.url, { ...options, viewport: { width: 1440, height: 900 } })
    await mary.logIn('Mary')
    phone = await Person.arrive(browser, server.url, { ...options, viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
    await phone.enter('Mary')
    await phone.page.locator('.room-item').first().waitFor()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  const mine = new Set(['Alpha', 'Kilo', 'Mike', 'Zebra']) // there are more in the demo
  const titles = async (page, section) => (await page.locator(`ul[data-section="${section}"] .room-title`).allInnerTexts()).filter((x) => mine.has(x))
  const sees = (page, section, want) => until(`${section} to be ${want}`, async () => (await titles(page, section)).join() === want.join())
  const item = (page, name) => page.locator('.room-item', { has: page.locator('.room-title', { hasText: new RegExp(`^${name}$`) }) })
  const menuOf = async (page, name, choice) => {
    await item(page, name).click({ button: 'right' })
    await page.getByRole('menuitem', { name: choice, exact: true }).click()
  }
  const own = (page, name) => page.locator('section', { has: page.getByRole('heading', { name }) }).locator('.room-title').allInnerTexts()
  const look = async (page, name, part) => {
    for (const colorScheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme })
      if (process.env.SHOTS) {
        mkdirSync(process.env.SHOTS, { recursive: true })
        await page.screenshot({ path: join(process.env.SHOTS, `${name}-${colorScheme}.png`) })
      }
      assert.deepEqual(await axe(page, part, colorScheme === 'dark' ? colours : undefined), [], `${name}, ${colorScheme}`)
    }
  }

  it('has compact rows, by name, so that nothing moves while one aims', async () => {
    await sees(mary.page, 'rooms', ['Alpha', 'Kilo', 'Mike', 'Zebra'])
    await as.joe('POST', `/rooms/${rooms.Zebra.id}/messages`, { text: 'hello' })
    await sees(mary.page, 'unread', ['Zebra'])
    await item(mary.page, 'Zebra').click()
    await mary.sees('hello')
    await sees(mary.page, 'unread', ['Zebra']) // until one leaves it
    await mary.open('General')
    await sees(mary.page, 'rooms', ['Alpha', 'Kilo', 'Mike', 'Zebra'])
    const { height } = await item(mary.page, 'Kilo').boundingBox()
    assert.ok(height <= 34, `a row is ${height} px high`)
    await look(mary.page, 'sidebar-wide', '.sidebar')
    await look(phone.page, 'sidebar-phone', '.sidebar')
  })

  it('has favourites and own sections, the same on all devices', async () => {
    await menuOf(mary.page, 'Mike', 'Add to favourites')
    await sees(mary.page, 'favourites', ['Mike'])
    await sees(phone.page, 'favourites', ['Mike'])
    await item(mary.page, 'Kilo').click({ button: 'right' })
    await look(mary.page, 'sidebar-menu', '.menu')
    await mary.page.getByRole('menuitem', { name: 'New section…' }).click()
    await mary.page.getByRole('dialog').getByLabel('Name').fill('Work')
    await mary.page.keyboard.press('Enter')
    await until('Work to hold Kilo', async () => (await own(mary.page, 'Work')).join() === 'Kilo')
    await until('Work to be there on the phone', async () => (await own(phone.page, 'Work')).join() === 'Kilo')
    await menuOf(mary.page, 'Alpha', 'Work')
    await until('Work to hold both', async () => (await own(phone.page, 'Work')).join() === 'Alpha,Kilo')
  })

  it('is sorted by dragging, and by keyboard', async () => {
    const work = mary.page.locator('section', { has: mary.page.getByRole('heading', { name: 'Work' }) })
    await item(mary.page, 'Zebra').dragTo(item(mary.page, 'Kilo'), { targetPosition: { x: 60, y: 4 } })
    await until('Zebra to be before Kilo', async () => (await own(mary.page, 'Work')).join() === 'Alpha,Zebra,Kilo')
    await until('it to be so on the phone', async () => (await own(phone.page, 'Work')).join() === 'Alpha,Zebra,Kilo')
    await item(mary.page, 'Kilo').focus()
    await mary.page.keyboard.press('Control+Shift+ArrowUp')
    await mary.page.keyboard.press('Control+Shift+ArrowUp')
    await until('Kilo to be first', async () => (await own(phone.page, 'Work')).join() === 'Kilo,Alpha,Zebra')
    assert.equal(await mary.page.locator('.room-item:focus .room-title').innerText(), 'Kilo')
    // Two devices at once: neither undoes what the other did.
    await Promise.all([
      item(phone.page, 'Mike').evaluate((el) => el.dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true }))),
      mary.page.keyboard.press('Control+Shift+ArrowDown'),
    ])
    await phone.page.getByRole('menuitem', { name: 'Remove from favourites' }).tap()
    for (const page of [mary.page, phone.page]) {
      await until('both changes', async () => (await own(page, 'Work')).join() === 'Alpha,Kilo,Zebra' && (await titles(page, 'favourites')).length === 0)
    }
    await work.getByRole('button', { name: 'Work: section menu' }).click()
    await mary.page.getByRole('menuitemradio', { name: 'Name' }).click()
    await mary.page.keyboard.press('Escape')
    assert.deepEqual(await own(mary.page, 'Work'), ['Alpha', 'Kilo', 'Zebra'])
  })

  it('folds, and says what is unread in what is folded', async () => {
    const fold = mary.page.getByRole('button', { name: 'Work', exact: true })
    await mary.page.getByRole('button', { name: 'Rooms: section menu' }).click()
    await mary.page.getByRole('menuitemcheckbox', { name: 'Show unread first' }).click()
    await fold.focus()
    await mary.page.keyboard.press('Enter')
    await item(mary.page, 'Kilo').waitFor({ state: 'detached' })
    await as.joe('POST', `/rooms/${rooms.Kilo.id}/messages`, { text: 'psst' })
    await mary.page.locator('.section-head', { hasText: 'Work' }).locator('.badge', { hasText: '1' }).waitFor()
    assert.equal(await phone.page.getByRole('button', { name: 'Work', exact: true }).getAttribute('aria-expanded'), 'false')
    await look(mary.page, 'sidebar-folded', '.sidebar')
    await fold.click()
    await item(mary.page, 'Kilo').waitFor()
  })

  it('says what is unread beyond its edges, and leads there', async () => {
    for (let i = 10; i < 60; i++) await as.mary('POST', '/rooms', { name: `Room ${i}`, kind: 'private', users: [as.joe.user.id] })
    const all = await as.joe('GET', '/rooms')
    const last = all.rooms.find((r) => r.name === 'Room 59')
    await as.joe('POST', `/rooms/${last.id}/messages`, { text: 'down here' })
    for (const page of [mary.page, phone.page]) {
      const below = page.locator('.unread-pill.below button')
      await below.waitFor()
      await look(page, page === phone.page ? 'pills-phone' : 'pills-wide', '.sidebar')
      await below.click()
      await until('the room to be in view', async () => (await item(page, 'Room 59').boundingBox())?.y < page.viewportSize().height - 60)
      await page.locator('.unread-pill.above button').waitFor() // Kilo's message
    }
  })

  it('a direct room is closed, and opened again by Undo', async () => {
    await mary.page.locator('.person-item, .room-item', { hasText: 'Alex' }).first().click()
    await mary.page.getByRole('heading', { level: 1, name: 'Alex' }).waitFor()
    await mary.page.getByRole('button', { name: 'Room menu' }).click()
    await mary.page.getByRole('menuitem', { name: 'Close conversation' }).click()
    await item(mary.page, 'Alex').waitFor({ state: 'detached' })
    await mary.page.locator('.toast', { hasText: 'Closed Alex' }).getByRole('button', { name: 'Undo' }).click()
    await mary.page.getByRole('heading', { level: 1, name: 'Alex' }).waitFor()
    assert.deepEqual([...mary.faults, ...phone.faults], [])
  })
})

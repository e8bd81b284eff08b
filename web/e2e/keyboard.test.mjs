import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

/** What has the focus: its name, as it is announced, and whether one can see that it has it. */
const focus = (page) =>
  page.evaluate(() => {
    const el = document.activeElement
    const copy = (el.labels?.[0] ?? el).cloneNode(true)
    for (const hidden of copy.querySelectorAll('[aria-hidden=true]')) hidden.remove()
    const name = el.getAttribute('aria-label') ?? copy.textContent
    const ring = getComputedStyle(el)
    return { tag: el.tagName, name: name.trim(), ring: ring.outlineStyle !== 'none' || ring.boxShadow !== 'none' }
  })

describe('who has only a keyboard', { skip: missing() }, () => {
  let server, browser, mary, page
  before(async () => {
    server = await Server.start()
    browser = await launch()
    // Otherwise the order changes while one goes through the list.
    await (await server.caller('Mary'))('PUT', '/documents/sidebar', { was: 0, value: { unreadFirst: false } })
    mary = await Person.arrive(browser, server.url)
    page = mary.page
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  const press = (...keys) => keys.reduce((p, k) => p.then(() => page.keyboard.press(k)), Promise.resolve())
  /** Presses a key until something with that name has the focus. */
  const reach = async (name, key = 'Tab', most = 60) => {
    const passed = []
    for (let i = 0; i < most; i++) {
      const now = await focus(page)
      if (name.test(now.name)) return now
      passed.push(now.name.slice(0, 30))
      await press(key)
      await page.evaluate(() => new Promise((done) => setTimeout(done, 0))) // menus move the focus one turn later
    }
    assert.fail(`${name} is not reached by ${key}: ${passed.join(' | ')}`)
  }
  const dialog = (name) => page.getByRole('dialog', { name })
  const heading = (name) => page.getByRole('heading', { level: 1, name }).waitFor()
  const menu = async (button, item) => {
    await reach(button)
    await press('Enter')
    await page.getByRole('menu').waitFor()
    await until('the focus to be in the menu', () => page.evaluate(() => document.activeElement.closest('[role=menu]') !== null))
    await reach(item, 'ArrowDown', 20)
    await press('Enter')
  }
  const writing = () => until('the focus to be where one writes', () => mary.box.evaluate((b) => b === document.activeElement))

  it('logs in, and writes', async () => {
    await page.goto(server.url)
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await reach(/^Name/)
    await page.keyboard.type('Mary')
    await reach(/^Password/)
    await page.keyboard.type('password123')
    await press('Enter')
    await mary.box.waitFor()
    await writing()
    await page.keyboard.type('by keys')
    await press('Enter')
    await mary.sees('by keys')
  })

  it('is told the keys by ? and Ctrl-/', async () => {
    await press('Control+/')
    await dialog('Shortcuts and formatting').getByText('Previous or next unread room').waitFor()
    await press('Control+/')
    await dialog('Shortcuts and formatting').waitFor({ state: 'detached' })
    await writing()
    await press('?') // here it is a letter
    assert.equal(await mary.box.inputValue(), '?')
    await press('Backspace', 'F6')
    await press('?')
    await dialog('Shortcuts and formatting').waitFor()
    await press('Escape')
    await dialog('Shortcuts and formatting').waitFor({ state: 'detached' })
  })

  it('goes from part to part, and from room to room', async () => {
    await mary.box.focus()
    await press('F6')
    assert.equal(await page.evaluate(() => document.activeElement.closest('.sidebar') !== null), true)
    await press('F6')
    assert.equal((await focus(page)).name, 'Messages in General')
    await press('F6')
    await writing()
    await press('Shift+F6')
    assert.equal((await focus(page)).name, 'Messages in General')
    await press('Alt+ArrowDown')
    await until('another room', async () => (await page.getByRole('heading', { level: 1 }).innerText()) !== 'General')
    await press('Alt+ArrowUp')
    await heading('General')
    const joe = await server.caller('Joe')
    const direct = await joe('POST', '/direct', { user: (await server.caller('Mary')).user.id })
    await joe('POST', `/rooms/${direct.id}/messages`, { text: 'psst' })
    await page.locator('.room-item.unread', { hasText: 'Joe' }).waitFor()
    await press('Alt+Shift+ArrowDown')
    await heading('Joe')
    await press('Control+k')
    await page.keyboard.type('gener')
    await press('Enter')
    await heading('General')
    // The list is one stop; arrow keys move in it.
    await press('F6')
    const first = await focus(page)
    assert.ok(first.ring, 'the focus can be seen')
    await press('ArrowDown')
    assert.notEqual((await focus(page)).name, first.name)
    await press('Home')
    await reach(/^Joe/, 'ArrowDown', 10)
    await press('Enter')
    await heading('Joe')
  })

  it('makes a room, adds people, changes and leaves it', async () => {
    await press('Shift+F6', 'Shift+F6')
    await menuBackwards(/^New room/, /^Create a room/)
    await dialog('Create a room').waitFor()
    await page.keyboard.type('Keys only')
    await reach(/^Add people/)
    await page.keyboard.type('Al')
    await page.getByRole('option', { name: 'Alex' }).waitFor()
    await press('Enter')
    await reach(/^Create room/)
    await press('Enter')
    await heading('Keys only')
    await writing()
    await reach(/^\d+ members?$/, 'Shift+Tab')
    await press('Enter')
    await page.locator('.member', { hasText: 'Alex' }).waitFor()
    await reach(/^Manage Alex/)
    await press('Enter')
    await page.getByRole('menu').waitFor()
    await reach(/^Make moderator/, 'ArrowDown', 20)
    await press('Enter')
    await page.locator('.member', { hasText: 'Alex' }).getByText('moderator').waitFor()
    await press('Escape')
    await page.locator('.members').waitFor({ state: 'detached' })
    await mary.box.focus()
    await menuBackwards(/^Room menu/, /^Room settings/)
    await dialog('Keys only settings').waitFor()
    await reach(/^Topic/)
    await page.keyboard.type('No mouse')
    await press('Enter')
    await page.locator('.room-head', { hasText: 'No mouse' }).waitFor()
    await menuBackwards(/^Room menu/, /^Leave/)
    await page.getByRole('dialog').waitFor()
    await reach(/^Leave/)
    await press('Enter')
    await page.locator('.room-item', { hasText: 'Keys only' }).waitFor({ state: 'detached' })
  })

  it('chooses an emoji, a theme and a language, and logs out', async () => {
    await press('Control+k')
    await page.keyboard.type('gener')
    await press('Enter')
    await heading('General')
    await writing()
    await reach(/^Emoji/)
    await press('Enter')
    await page.locator('.popover .search').waitFor()
    await until('the focus to be in the picker', () => page.evaluate(() => document.activeElement.closest('.popover') !== null))
    await page.keyboard.type('tada')
    await until('it to be found', async () => (await page.locator('.popover').innerText()).includes('🎉'))
    await press('ArrowDown')
    await press('Enter')
    await until('it to be in the text', async () => /\p{Extended_Pictographic}/u.test(await mary.box.inputValue()))
    await writing()
    await mary.box.fill('')
    await press('Shift+F6', 'Shift+F6')
    await menu(/^Your account/, /^Settings/)
    await heading('Appearance')
    await reach(/^Language/, 'Shift+Tab')
    await press('Enter')
    await heading('Language')
    await press('Tab')
    await reach(/^Language/)
    await page.keyboard.type('Deutsch')
    await heading('Sprache')
    await reach(/^Zurück zum Chat/, 'Shift+Tab')
    await press('Enter')
    await page.getByRole('textbox', { name: /^Nachricht an/ }).and(page.locator(':focus')).waitFor()
    await press('Shift+F6', 'Shift+F6')
    await menu(/^Dein Konto/, /^Abmelden/)
    await page.getByRole('button', { name: 'Anmelden' }).waitFor()
    assert.deepEqual(mary.faults, [])
  })

  async function menuBackwards(button, item) {
    await reach(button, 'Shift+Tab')
    await press('Enter')
    await page.getByRole('menu').waitFor()
    await until('the focus to be in the menu', () => page.evaluate(() => document.activeElement.closest('[role=menu]') !== null))
    await reach(item, 'ArrowDown', 20)
    await press('Enter')
  }
})

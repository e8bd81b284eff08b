import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { Wire } from './lib/proxy.mjs'
import { Server, until } from './lib/server.mjs'

describe('two people', { skip: missing() }, () => {
  let server, wire, browser, mary, joe
  before(async () => {
    server = await Server.start()
    wire = await Wire.to(server.port)
    browser = await launch()
    mary = await Person.arrive(browser, wire.url)
    joe = await Person.arrive(browser, server.url)
    await mary.logIn('Mary')
    await joe.logIn('Joe')
  })
  after(async () => {
    await browser?.close()
    await wire?.close()
    await server?.stop()
  })

  it('talk in General, and see who types and who is there', async () => {
    await mary.say('Hello from **Mary**')
    await joe.sees('Hello from Mary')
    await mary.sees('Hello from Mary')
    assert.equal(await mary.page.locator('.message.pending').count(), 0)
    await joe.box.pressSequentially('thinking')
    await mary.page.locator('.typing', { hasText: 'Joe is typing' }).waitFor()
    await joe.say('Hello Mary')
    await mary.sees('Hello Mary')
    await until('Joe to have stopped typing', async () => (await mary.page.locator('.typing').innerText()) === '')
    await mary.page.getByRole('button', { name: /^People in this room/ }).click()
    await mary.page.locator('.member', { hasText: 'Joe' }).getByText('online', { exact: true }).waitFor({ state: 'attached' })
    await mary.page.keyboard.press('Escape')
    await mary.page.locator('.members').waitFor({ state: 'detached' })
  })

  it('talk in private, with unread counts that end with a look', async () => {
    await joe.open('Mary')
    await joe.say('A word in private?')
    await joe.sees('A word in private?')
    const item = mary.page.locator('.room-item', { has: mary.page.locator('.room-title', { hasText: /^Joe$/ }) })
    await until('the badge', async () => /^\d+/.test((await item.locator('.badge').allInnerTexts())[0] ?? ''))
    await until('the title', async () => /^\(\d+\) /.test(await mary.page.title()))
    await mary.open('Joe')
    await mary.page.locator('.unread-line').waitFor()
    await mary.sees('A word in private?')
    await item.locator('.badge').waitFor({ state: 'detached' })
    await mary.say('Sure')
    await joe.sees('Sure')
    await mary.open('General')
    await joe.open('General')
  })

  it('get a new private room without asking for it, and see what it says', async () => {
    await mary.page.getByRole('button', { name: 'New room' }).click()
    await mary.page.getByRole('menuitem', { name: 'Create a room' }).click()
    const dialog = mary.page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('Secret garden')
    await dialog.getByLabel('Private').check()
    await dialog.getByRole('combobox', { name: 'Add people' }).fill('Jo')
    await dialog.getByRole('option', { name: 'Joe' }).waitFor()
    await mary.page.keyboard.press('Enter')
    await dialog.getByRole('button', { name: 'Create room' }).click()
    await mary.page.getByRole('heading', { level: 1, name: 'Secret garden' }).waitFor()
    await joe.open('Secret garden')
    await mary.say('Only for us')
    await joe.sees('Only for us')
    await joe.say('Indeed')
    await mary.sees('Indeed')
  })

  it('are told when one renames a room, and removes the other', async () => {
    await mary.page.getByRole('button', { name: 'More about this room' }).click()
    await mary.page.getByRole('menuitem', { name: 'Name and topic' }).click()
    await mary.page.getByRole('dialog').getByLabel('Topic').fill('Roses')
    await mary.page.getByRole('button', { name: 'Save' }).click()
    await joe.page.locator('.notice', { hasText: 'Mary set the topic: Roses' }).waitFor()
    await mary.page.getByRole('button', { name: /^People in this room/ }).click()
    await mary.page.getByRole('button', { name: 'Change Joe' }).click()
    await mary.page.getByRole('menuitem', { name: 'Remove from the room' }).click()
    await joe.page.getByText('This room is not here').waitFor()
    await mary.page.locator('.notice', { hasText: 'You removed Joe' }).waitFor()
    await mary.page.keyboard.press('Escape')
    await joe.open('General')
    await mary.open('General')
  })

  it('find their place and their draft again after a reload', async () => {
    await mary.box.fill('half a thought')
    await mary.page.reload()
    await mary.page.getByRole('heading', { level: 1, name: 'General' }).waitFor()
    assert.equal(await mary.box.inputValue(), 'half a thought')
    await mary.sees('Hello Mary')
    await mary.box.fill('')
  })

  it('lose nothing when the network is gone, not even over a reload', async () => {
    const before = (await joe.texts()).length
    wire.cut()
    await mary.say('offline one')
    await mary.page.locator('.connection').waitFor()
    await mary.say('offline two')
    await mary.page.locator('.message[data-state=pending]', { hasText: 'offline two' }).waitFor()
    await joe.say('while you were away')
    await joe.sees('while you were away')
    wire.mend()
    await mary.sees('offline two')
    await joe.sees('offline two')
    await mary.page.locator('.connection').waitFor({ state: 'detached' })
    // And once more, closing the page before the network is back.
    wire.cut()
    await mary.say('before closing')
    await mary.page.locator('.message[data-state=pending]', { hasText: 'before closing' }).waitFor()
    await mary.page.close()
    wire.mend()
    mary.page = await mary.context.newPage()
    mary.watch(mary.page)
    await mary.page.goto(wire.url)
    await mary.sees('before closing')
    await joe.sees('before closing')
    const want = ['while you were away', 'offline one', 'offline two', 'before closing']
    const got = (await joe.texts()).slice(before)
    assert.deepEqual(got, want)
    await until('the same order for both', async () => JSON.stringify((await mary.texts()).slice(-4)) === JSON.stringify(want))
    assert.equal(await mary.page.locator('.message.pending').count(), 0)
  })

  it('are shown what was refused, and can take it elsewhere', async () => {
    const [asJoe, asMary] = [await server.caller('Joe'), await server.caller('Mary')]
    const room = await asJoe('POST', '/rooms', { name: 'Short visit', kind: 'private', users: [asMary.user.id] })
    await mary.open('Short visit')
    wire.cut()
    await mary.say('too late')
    await mary.page.locator('.message[data-state=pending]', { hasText: 'too late' }).waitFor()
    await asJoe('DELETE', `/rooms/${room.id}/members/${asMary.user.id}`)
    wire.mend()
    await mary.page.getByText('This room is not here').waitFor()
    await mary.page.getByRole('button', { name: 'A message was not sent' }).click()
    await mary.page.getByRole('dialog').getByText('too late').waitFor()
    await mary.page.getByRole('button', { name: 'Discard' }).click()
    await mary.page.keyboard.press('Escape')
    await mary.page.locator('.unsent-note').waitFor({ state: 'detached' })
    await mary.open('General')
  })

  it('are told when a message is too long', async () => {
    await mary.box.fill('é'.repeat(8_000))
    await mary.page.locator('.size', { hasText: 'bytes left' }).waitFor()
    await mary.box.fill('é'.repeat(8_200))
    await mary.page.locator('.size.over', { hasText: '16 bytes too long' }).waitFor()
    assert.ok(await mary.page.getByRole('button', { name: 'Send' }).isDisabled())
    await mary.box.fill('')
  })

  it('move by keyboard alone', async () => {
    await mary.page.keyboard.press('Control+k')
    await mary.page.keyboard.type('joe')
    await mary.page.getByRole('option', { name: 'Joe' }).waitFor()
    await mary.page.keyboard.press('Enter')
    await mary.page.getByRole('heading', { level: 1, name: 'Joe' }).waitFor()
    await until('the focus to be where one writes', () => mary.box.evaluate((b) => b === document.activeElement))
    await mary.page.keyboard.type('one')
    await mary.page.keyboard.press('Shift+Enter')
    await mary.page.keyboard.type('two')
    await mary.page.keyboard.press('Enter')
    await mary.sees('one two')
    await mary.page.keyboard.press('Control+k')
    await mary.page.keyboard.press('Escape')
    await mary.page.getByRole('dialog').waitFor({ state: 'detached' })
    await until('the focus to be back', () => mary.box.evaluate((b) => b === document.activeElement))
  })

  it('were at both nodes, where there are two', () => {
    assert.ok((server.spread ?? [1]).every((sockets) => sockets > 0), `${server.spread}`)
  })

  it('saw nothing that should never happen', () => {
    assert.deepEqual(mary.faults, [])
    assert.deepEqual(joe.faults, [])
  })
})

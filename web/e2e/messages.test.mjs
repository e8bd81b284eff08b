import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

describe('what becomes of messages', { skip: missing() }, () => {
  let server, browser, mary, joe
  before(async () => {
    server = await Server.start()
    browser = await launch()
    mary = await Person.arrive(browser, server.url)
    joe = await Person.arrive(browser, server.url)
    await mary.logIn('Mary')
    await joe.logIn('Joe')
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })
  const row = (person, text) => person.page.locator('main .message[data-no]', { hasText: text }).first()
  /** Points at a message and chooses what to do with it. */
  const act = async (person, text, label) => {
    await row(person, text).hover()
    await row(person, text).getByRole('button', { name: label, exact: true }).click()
  }

  it('are edited where they stand, with ↑ too, and keep their earlier texts', async () => {
    await mary.say('helo everybody')
    await joe.sees('helo everybody')
    await act(mary, 'helo everybody', 'Edit')
    const box = mary.page.getByRole('textbox', { name: 'Text of the message' })
    assert.equal(await box.inputValue(), 'helo everybody')
    await box.fill('something else')
    await box.press('Escape')
    await mary.sees('helo everybody')
    await mary.box.focus()
    await mary.box.press('ArrowUp')
    await box.fill('hello everybody')
    await box.press('Enter')
    await joe.sees('hello everybody')
    await row(joe, 'hello everybody').getByRole('button', { name: 'edited' }).click()
    await joe.page.getByRole('dialog', { name: 'Earlier texts' }).getByText('helo everybody').waitFor()
    await joe.page.keyboard.press('Escape')
    await row(joe, 'hello everybody').hover()
    assert.equal(await row(joe, 'hello everybody').getByRole('button', { name: 'Edit', exact: true }).count(), 0)
  })

  it('are reacted to by everybody', async () => {
    await act(joe, 'hello everybody', 'React')
    const picker = joe.page.getByRole('dialog', { name: 'React' })
    await picker.getByRole('searchbox').fill('thumbs up')
    await picker.locator('.emoji-cell:visible', { hasText: '👍' }).first().click()
    const reaction = (person) => row(person, 'hello everybody').locator('.reaction')
    await reaction(mary).waitFor()
    assert.equal(await reaction(mary).getAttribute('aria-pressed'), 'false')
    await reaction(mary).click()
    await until('both to be counted', async () => /2/.test(await reaction(joe).innerText()))
    await reaction(joe).click()
    await until('one to be counted', async () => /1/.test(await reaction(mary).innerText()))
    await reaction(mary).click()
    await reaction(joe).waitFor({ state: 'detached' })
  })

  it('are pinned, and found among the pinned ones', async () => {
    await act(mary, 'hello everybody', 'More')
    await mary.page.getByRole('menuitem', { name: 'Pin' }).click()
    await row(joe, 'hello everybody').locator('.message-pin').waitFor()
    await joe.page.getByRole('button', { name: 'More about this room' }).click()
    await joe.page.getByRole('menuitem', { name: 'Pinned messages' }).click()
    const dialog = joe.page.getByRole('dialog', { name: 'Pinned messages' })
    await dialog.getByText('hello everybody').waitFor()
    await dialog.getByRole('button', { name: 'Unpin' }).click()
    await dialog.getByText('Nothing is pinned').waitFor()
    await joe.page.keyboard.press('Escape')
  })

  it('are answered in threads, which have unread counts of their own', async () => {
    await act(joe, 'hello everybody', 'Reply in a thread')
    const pane = joe.page.getByRole('complementary', { name: 'Thread' })
    await pane.getByRole('textbox', { name: /^Message to/ }).fill('welcome back')
    await pane.getByRole('textbox', { name: /^Message to/ }).press('Enter')
    await pane.locator('.message[data-no]', { hasText: 'welcome back' }).waitFor()
    const line = row(mary, 'hello everybody').locator('.thread-line')
    await line.getByText('1 reply').waitFor()
    await line.locator('.badge').waitFor()
    await line.click()
    const hers = mary.page.getByRole('complementary', { name: 'Thread' })
    await hers.locator('.message[data-no]', { hasText: 'welcome back' }).waitFor()
    await line.locator('.badge').waitFor({ state: 'detached' })
    await hers.getByRole('textbox', { name: /^Message to/ }).fill('thank you')
    await hers.getByRole('textbox', { name: /^Message to/ }).press('Enter')
    await pane.locator('.message[data-no]', { hasText: 'thank you' }).waitFor()
    await row(joe, 'hello everybody').locator('.thread-line').getByText('2 replies').waitFor()
    assert.equal(await row(mary, 'welcome back').count(), 0, 'answers stay out of the room')
    await hers.getByRole('button', { name: 'Close the thread' }).click()
    await pane.getByRole('button', { name: 'Close the thread' }).click()
  })

  it('call people, who see it', async () => {
    await mary.page.locator('.person-item, .room-item', { hasText: 'Alex' }).first().click()
    await mary.page.getByRole('heading', { level: 1, name: 'Alex' }).waitFor()
    await joe.say('does @Mary know?')
    const item = mary.page.locator('.room-item', { has: mary.page.locator('.room-title', { hasText: /^General$/ }) })
    await item.locator('.badge.called').waitFor()
    await mary.open('General')
    await mary.page.locator('.message.called', { hasText: 'does @Mary know?' }).waitFor()
    await item.locator('.badge').waitFor({ state: 'detached' })
  })

  it('are deleted, and nothing is left of them', async () => {
    await joe.say('a secret that slipped')
    await mary.sees('a secret that slipped')
    await act(joe, 'a secret that slipped', 'More')
    await joe.page.getByRole('menuitem', { name: 'Delete' }).click()
    await joe.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await row(mary, 'This message was deleted.').waitFor()
    assert.equal(await row(mary, 'a secret that slipped').count(), 0)
    await mary.page.reload()
    await row(mary, 'This message was deleted.').waitFor()
    assert.ok(!(await mary.page.content()).includes('a secret that slipped'))
  })

  it('are reached by the keyboard alone', async () => {
    await mary.say('last words')
    await mary.sees('last words')
    await mary.page.getByRole('log').focus()
    await mary.page.keyboard.press('ArrowUp')
    assert.match(await mary.page.evaluate(() => document.activeElement.textContent), /last words/)
    await mary.page.keyboard.press('ArrowUp')
    await mary.page.keyboard.press('ArrowDown')
    await mary.page.keyboard.press('Tab')
    await mary.page.keyboard.press('Tab')
    await mary.page.keyboard.press('Tab')
    await mary.page.keyboard.press('Enter')
    const box = mary.page.getByRole('textbox', { name: 'Text of the message' })
    await box.fill('very last words')
    await box.press('Enter')
    await joe.sees('very last words')
  })

  it('broke nothing', () => {
    assert.deepEqual([...mary.faults, ...joe.faults], [])
  })
})

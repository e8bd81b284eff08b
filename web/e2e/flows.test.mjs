import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

const hour = 3600_000
const many = 400 // messages, six hours apart

describe('what one does', { skip: missing() }, () => {
  let server, browser, mary, joe, api, room, begin, asked
  before(async () => {
    server = await Server.start({ args: ['--max-sends=-1'] })
    browser = await launch()
    api = { joe: await server.caller('Joe'), mary: await server.caller('Mary'), pablo: await server.caller('Pablo') }
    room = await api.joe('POST', '/rooms', { name: 'History', topic: 'Long ago', users: [api.mary.user.id] })
    for (let no = 1; no <= many; no++) await api.joe('POST', `/rooms/${room.id}/messages`, { text: `entry ${no}` })
    await api.mary('PUT', `/rooms/${room.id}/read`, { no: many })
    mary = await Person.arrive(browser, server.url)
    joe = await Person.arrive(browser, server.url)
    // To Mary's page this room is a hundred days old, and nobody wrote in it
    // for twenty of them.
    begin = Date.now() - (many + 80) * 6 * hour
    asked = []
    const older = (value) => {
      if (Array.isArray(value)) return value.forEach(older)
      if (!value || typeof value !== 'object') return
      if (value.room === room.id && value.no && value.at) value.at = at(value.no)
      if (value.id === room.id && value.created_at) value.created_at = new Date(begin).toISOString()
      Object.values(value).forEach(older)
    }
    await mary.page.routeWebSocket(/\/ws$/, (near) => {
      const far = near.connectToServer()
      near.onMessage((frame) => {
        asked.push(JSON.parse(frame).method)
        far.send(frame)
      })
      far.onMessage((frame) => {
        const message = JSON.parse(frame)
        older(message)
        near.send(JSON.stringify(message))
      })
    })
    await mary.logIn('Mary')
    await joe.logIn('Joe')
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })
  const at = (no) => new Date(begin + (no + (no > many / 2 ? 80 : 0)) * 6 * hour).toISOString()
  const day = (date) => `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`
  const dayOf = (no) => day(new Date(at(no)))
  const firstOf = (no) => Array.from({ length: many }, (_, i) => i + 1).find((n) => dayOf(n) === dayOf(no))
  const row = (person, text) => person.page.locator('main .message[data-no]', { hasText: text }).first()
  const act = async (person, text, label, item) => {
    await row(person, text).hover()
    await row(person, text).getByRole('button', { name: label, exact: true }).click()
    if (item) await person.page.getByRole('menuitem', { name: item, exact: true }).click()
  }
  const toasts = (person) => person.page.locator('.toasts')
  const focused = (person) => person.page.evaluate(() => document.activeElement?.getAttribute('data-no'))

  describe('to find a day', () => {
    const dialog = () => mary.page.getByRole('dialog', { name: 'Jump to date' })

    it('goes there from the menu of the room, with few questions', async () => {
      await mary.open('History')
      await mary.sees(`entry ${many}`)
      await mary.page.getByRole('button', { name: 'Room menu' }).click()
      await mary.page.getByRole('menuitem', { name: 'Jump to date' }).click()
      const wanted = firstOf(120)
      asked.length = 0
      await dialog().getByLabel('Date', { exact: true }).fill(dayOf(wanted))
      await dialog().getByLabel('Date', { exact: true }).press('Enter')
      await mary.page.locator(`.message.wanted[data-no="${wanted}"]`).waitFor()
      await until('the message to have the focus', async () => (await focused(mary)) === String(wanted))
      const questions = asked.filter((m) => m === 'message.list').length
      assert.ok(questions <= 8, `${questions} questions for ${many} messages`)
    })

    it('goes from one day to another by the calendar and its keys', async () => {
      const here = firstOf(120)
      const to = firstOf(120 - 4 * 7) // a week earlier
      await mary.page.locator(`[data-key="d${here}"]`).getByRole('button', { name: /jump to another date$/ }).click()
      const grid = dialog().getByRole('grid')
      await grid.locator(`[data-day="${dayOf(here)}"][tabindex="0"]`).focus()
      await mary.page.keyboard.press('ArrowRight')
      await mary.page.keyboard.press('ArrowLeft')
      await mary.page.keyboard.press('ArrowUp')
      await until('the day a week earlier', async () => (await mary.page.evaluate(() => document.activeElement?.getAttribute('data-day'))) === dayOf(to))
      await mary.page.keyboard.press('Enter')
      await mary.page.locator(`.message.wanted[data-no="${to}"]`).waitFor()
    })

    it('says so where nothing was written on that day, and knows the ends', async () => {
      await mary.page.getByRole('button', { name: 'Room menu' }).click()
      await mary.page.getByRole('menuitem', { name: 'Jump to date' }).click()
      await dialog().getByLabel('Date', { exact: true }).fill(day(new Date(Date.parse(at(many / 2)) + 10 * 24 * hour)))
      await dialog().getByRole('button', { name: 'Go', exact: true }).click()
      await mary.page.locator(`.message.wanted[data-no="${many / 2 + 1}"]`).waitFor()
      await toasts(mary).getByText('No messages that day').waitFor()
      await mary.page.getByRole('button', { name: 'Room menu' }).click()
      await mary.page.getByRole('menuitem', { name: 'Jump to date' }).click()
      await dialog().getByRole('button', { name: 'The very beginning' }).click()
      await mary.page.locator('.message.wanted[data-no="1"]').waitFor()
    })
  })

  describe('by commands', () => {
    const note = (person) => person.page.locator('.composer-note')

    it('chooses one from the list', async () => {
      await joe.open('History')
      await joe.box.fill('/')
      const list = joe.page.getByRole('listbox', { name: 'Commands' })
      await list.getByRole('option', { name: /topic/ }).waitFor()
      await joe.box.pressSequentially('top')
      await until('one to be left', async () => (await list.getByRole('option').count()) === 1)
      await joe.box.press('Enter')
      assert.equal(await joe.box.inputValue(), '/topic ')
      await joe.box.pressSequentially('Not so long ago')
      await joe.box.press('Enter')
      await joe.page.locator('.room-head', { hasText: 'Not so long ago' }).waitFor()
      await until('an empty field', async () => (await joe.box.inputValue()) === '')
    })

    it('sends what is none, and asks where it may be one', async () => {
      await joe.open('General')
      await joe.say('/etc/hosts is wrong')
      await joe.sees('/etc/hosts is wrong')
      await joe.say('//topic is a command')
      await row(joe, '/topic is a command').waitFor()
      assert.equal(await row(joe, '//topic').count(), 0)
      await joe.say('/md @Mary a secret')
      await note(joe).getByText('/md isn’t a command.').waitFor()
      assert.equal(await row(joe, 'a secret').count(), 0)
      assert.equal(await joe.box.inputValue(), '/md @Mary a secret')
      await joe.box.fill('/tmp is full')
      await note(joe).waitFor({ state: 'detached' })
      await joe.box.press('Enter')
      await note(joe).waitFor()
      await joe.box.press('Enter')
      await joe.sees('/tmp is full')
    })

    it('does not do what is not possible, and keeps what was written', async () => {
      await joe.say('/topic nothing for me')
      await note(joe).getByText('You can’t use /topic here.').waitFor()
      await joe.say('/dm @Nobody hello')
      await note(joe).getByText('No one called Nobody here.').waitFor()
      assert.equal(await joe.box.inputValue(), '/dm @Nobody hello')
    })

    it('writes to somebody, goes to a room, shrugs, searches, and answers', async () => {
      await joe.box.fill('/dm @ma')
      await joe.page.getByRole('option', { name: /Mary/ }).waitFor()
      await joe.box.press('Enter')
      await joe.box.pressSequentially('psst')
      await joe.box.press('Enter')
      await joe.page.getByRole('heading', { level: 1, name: 'Mary' }).waitFor()
      await joe.sees('psst')
      await joe.say('/join #general')
      await joe.page.getByRole('heading', { level: 1, name: 'General' }).waitFor()
      await joe.say('/shrug no idea')
      await joe.sees('no idea ¯\\_(ツ)_/¯')
      await joe.say('/me waves')
      await row(joe, 'waves').locator('em').waitFor()
      await joe.say('/thread hello again')
      const pane = joe.page.getByRole('complementary', { name: 'Thread' })
      await pane.locator('.message[data-no]', { hasText: 'hello again' }).waitFor()
      await pane.getByRole('button', { name: 'Close thread' }).click()
      await joe.say('/search from:Joe waves')
      const search = joe.page.getByRole('complementary', { name: 'Search' })
      assert.equal(await search.getByRole('searchbox').inputValue(), 'from:Joe waves')
      await search.getByRole('button', { name: 'Close search' }).click()
    })
  })

  describe('by mistake', () => {
    it('takes a deletion back', async () => {
      await mary.open('General')
      await mary.say('something to keep')
      await row(joe, 'something to keep').waitFor()
      await act(mary, 'something to keep', 'More', 'Delete')
      await mary.page.locator('.message.going', { hasText: 'something to keep' }).waitFor()
      await mary.page.keyboard.press('F6')
      await until('the toast to have the focus', async () => (await mary.page.evaluate(() => document.activeElement?.className)) === 'toast-undo' || void (await mary.page.keyboard.press('F6')))
      await mary.page.keyboard.press('Enter')
      await mary.page.locator('.message.going').waitFor({ state: 'detached' })
      await toasts(mary).getByRole('button').first().waitFor({ state: 'detached' })
      await act(mary, 'something to keep', 'More', 'Delete')
      await mary.page.locator('.message.going').getByRole('button', { name: 'Undo' }).click()
      await mary.page.locator('.message.going').waitFor({ state: 'detached' })
      assert.equal(await row(joe, 'something to keep').count(), 1)
    })

    it('deletes when the time is over, but not while one points at the message about it', async () => {
      await mary.say('to be deleted')
      await row(joe, 'to be deleted').waitFor()
      await act(mary, 'to be deleted', 'More', 'Delete')
      await toasts(mary).getByText('Message deleted').hover()
      const began = Date.now()
      await until('longer than it is shown', () => Date.now() - began > 7_000)
      assert.equal(await mary.page.locator('.message.going').count(), 1)
      await mary.box.hover()
      await row(joe, 'This message was deleted').waitFor()
    })

    it('deletes when the page is closed', async () => {
      await mary.say('gone with the page')
      await row(joe, 'gone with the page').waitFor()
      await act(mary, 'gone with the page', 'More', 'Delete')
      await mary.page.locator('.message.going').waitFor()
      await mary.page.reload()
      await row(joe, 'gone with the page').waitFor({ state: 'detached' })
      await mary.box.waitFor()
      await row(mary, 'gone with the page').waitFor({ state: 'detached' })
      await until('nothing to be kept', () => mary.page.evaluate(() => !Object.keys(localStorage).some((k) => k.startsWith('parley:delete:'))))
    })

    it('comes back to a room that was left, and to a thread', async () => {
      await mary.open('History')
      await mary.say('/leave')
      await toasts(mary).getByText('You left History').waitFor()
      assert.equal(await mary.page.locator('.room-item', { hasText: 'History' }).count(), 0)
      await toasts(mary).getByRole('button', { name: 'Undo' }).click()
      await mary.page.getByRole('heading', { level: 1, name: 'History' }).waitFor()
      await mary.open('General')
      await act(mary, 'waves', 'Reply in a thread')
      await mary.page.getByRole('button', { name: /^Follow/ }).waitFor()
      // Opening a thread that is there follows nothing.
      const follow = mary.page.getByRole('button', { name: 'Follow', exact: true })
      if (await follow.isVisible()) await follow.click()
      await mary.page.getByRole('button', { name: 'Following' }).click()
      await toasts(mary).getByText('Thread unfollowed').waitFor()
      await mary.box.blur()
      await mary.page.keyboard.press('Control+z')
      await mary.page.getByRole('button', { name: 'Following' }).waitFor()
      await mary.page.getByRole('complementary', { name: 'Thread' }).getByRole('button', { name: 'Close thread' }).click()
    })

    it('pins again what was taken off', async () => {
      await act(mary, 'waves', 'More', 'Pin')
      await row(mary, 'waves').locator('.message-pin').waitFor()
      await mary.say('/pins')
      const dialog = mary.page.getByRole('dialog', { name: 'Pinned messages' })
      await dialog.getByRole('button', { name: 'Unpin' }).click()
      await dialog.getByText('No pinned messages').waitFor()
      await dialog.getByRole('button', { name: 'Undo' }).click() // within the dialog, for all else is out of reach
      await dialog.getByRole('button', { name: 'Unpin' }).waitFor()
      await mary.page.keyboard.press('Escape')
    })
  })

  describe('to read', () => {
    it('sees who is called, and goes there', async () => {
      await joe.say('ask @Mary, not `@Mary`, or @here?')
      const text = row(mary, 'ask @Mary')
      await text.locator('button.mention.me', { hasText: '@Mary' }).waitFor()
      assert.deepEqual(await text.locator('.mention').allInnerTexts(), ['@Mary', '@here'])
      await mary.say('@Joe: yes')
      await row(joe, '@Joe: yes').locator('button.mention.me').waitFor()
      await row(mary, '@Joe: yes').locator('button.mention').click()
      await mary.page.getByRole('dialog', { name: 'Profile' }).getByText('Joe').first().waitFor()
      await mary.page.keyboard.press('Escape')
    })

    it('sees code in colours, copies it, and wraps its lines', async () => {
      await mary.context.grantPermissions(['clipboard-read', 'clipboard-write'])
      const code = `func main() {\n\tfmt.Println("${'a long line '.repeat(30)}")\n}\n`
      await api.joe('POST', '/rooms/general/messages', { text: '```go\n' + code + '```' })
      const block = mary.page.locator('.code-block').last()
      await block.locator('.hljs-keyword', { hasText: 'func' }).waitFor()
      assert.equal(await block.locator('.code-lang').innerText(), 'go')
      const wide = () => block.locator('pre').evaluate((p) => p.scrollWidth > p.clientWidth)
      assert.equal(await wide(), true)
      await block.getByRole('button', { name: 'Wrap lines' }).click()
      assert.equal(await block.getByRole('button', { name: 'Wrap lines' }).getAttribute('aria-pressed'), 'true')
      assert.equal(await wide(), false)
      await block.getByRole('button', { name: 'Copy' }).click()
      await block.getByRole('button', { name: 'Copied' }).waitFor()
      assert.equal(await mary.page.evaluate(() => navigator.clipboard.readText()), code)
    })
  })

  it('broke nothing', () => {
    assert.deepEqual([...mary.faults, ...joe.faults], [])
  })
})

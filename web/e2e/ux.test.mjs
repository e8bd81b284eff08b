import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

const phone = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true }
const tall = (n) => Array.from({ length: 9 }, (_, i) => `message ${n}, line ${i}`).join('\n')

describe('what one sees and does every day', { skip: missing() }, () => {
  let server, browser, mary, joe, api, pablo
  before(async () => {
    server = await Server.start()
    browser = await launch()
    joe = await server.caller('Joe')
    api = await server.caller('Mary')
    pablo = await server.caller('Pablo')
    mary = await Person.arrive(browser, server.url)
    await mary.logIn('Mary')
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })
  const say = (text, more = {}, room = 'general') => joe('POST', `/rooms/${room}/messages`, { text, ...more })
  const row = (person, text) => person.page.locator('.message[data-no]', { hasText: text }).first()
  const act = async (person, text, label) => {
    await row(person, text).hover()
    await row(person, text).getByRole('button', { name: label, exact: true }).click()
  }
  const box = (locator) => locator.evaluate((e) => (({ left, top, right, bottom }) => ({ left, top, right, bottom }))(e.getBoundingClientRect()))

  it('reads only what was on the screen', async () => {
    const room = await api('POST', '/rooms', { name: 'Long', kind: 'public' })
    await joe('POST', `/rooms/${room.id}/join`)
    for (let i = 0; i < 20; i++) await say(tall(i), {}, room.id)
    const unread = async () => (await api('GET', `/rooms/${room.id}`)).unread
    await mary.page.locator('.room-item', { hasText: 'Long' }).locator('.badge', { hasText: '20' }).waitFor()
    await mary.open('Long')
    await row(mary, 'message 0, line 0').waitFor()
    await mary.page.locator('.to-newest', { hasText: '20 new' }).waitFor()
    await new Promise((done) => setTimeout(done, 500)) // a mark would be on its way by then
    assert.equal(await unread(), 20)
    await mary.page.locator('.to-newest').click()
    await until('all to be read', async () => (await unread()) === 0)
    await mary.open('General')
  })

  it('reacts without anything jumping, with the usual reactions at hand', async () => {
    for (let i = 0; i < 12; i++) await say(`short ${i}`)
    await mary.sees('short 11')
    const target = row(mary, 'short 4')
    await target.scrollIntoViewIfNeeded()
    const at = (await box(target)).top
    await act(mary, 'short 4', 'React')
    const picker = mary.page.getByRole('dialog', { name: 'React' })
    await picker.getByRole('searchbox').waitFor()
    assert.ok(Math.abs((await box(target)).top - at) < 2, 'the message stays')
    const { left, top, right, bottom } = await box(picker)
    assert.ok(left >= 0 && top >= 0 && right <= 1280 && bottom <= 800, JSON.stringify({ left, top, right, bottom }))
    assert.ok(await picker.getByRole('searchbox').evaluate((e) => e === document.activeElement))
    await picker.getByRole('button', { name: 'React with 🎉' }).click()
    await target.locator('.reaction', { hasText: '🎉' }).waitFor()
    await picker.waitFor({ state: 'detached' })
  })

  it('counts a thumbs-up as one reaction, however it is encoded', async () => {
    const { no } = await say('thumbs')
    await joe('PUT', `/rooms/general/messages/${no}/reactions/${encodeURIComponent('👍\ufe0f')}`)
    await pablo('PUT', `/rooms/general/messages/${no}/reactions/${encodeURIComponent('👍')}`)
    await until('two people on one reaction', async () => {
      const all = await row(mary, 'thumbs').locator('.reaction').allInnerTexts()
      return all.length === 1 && /2/.test(all[0])
    })
  })

  it('opens a reply where it belongs, and follows nothing by reading', async () => {
    const { page } = mary
    const { no } = await say('a question to all')
    const reply = await pablo('POST', '/rooms/general/messages', { text: 'my answer', thread: no })
    const follows = async () => (await api('GET', '/rooms')).rooms.some((r) => r.kind === 'thread' && r.root === no)
    await row(mary, 'a question to all').locator('.thread-line').click()
    const pane = page.getByRole('complementary', { name: 'Thread' })
    await pane.locator('.message', { hasText: 'my answer' }).waitFor()
    assert.equal(await follows(), false)
    await pablo('POST', `/rooms/${reply.room}/messages`, { text: 'one more thing' })
    await pane.locator('.message', { hasText: 'one more thing' }).waitFor() // it is read live all the same
    await pane.locator('.message', { hasText: 'my answer' }).hover()
    await pane.locator('.message', { hasText: 'my answer' }).getByRole('button', { name: 'More' }).click()
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.getByRole('menuitem', { name: 'Copy link' }).click()
    const link = await page.evaluate(() => navigator.clipboard.readText())
    assert.match(link, new RegExp(`#/r/general/${no}\\?reply=1$`))
    await pane.getByRole('button', { name: 'Follow' }).click()
    await until('the thread to be followed', follows)
    await pane.getByRole('button', { name: 'Following' }).click()
    await until('it to be read only', async () => !(await follows()))
    await pane.locator('.message', { hasText: 'my answer' }).waitFor()
    await page.getByRole('button', { name: 'Close thread' }).click()

    const other = await Person.arrive(browser, server.url)
    await other.logIn('Alex')
    for (const hash of [new URL(link).hash, `#/r/${reply.room}/1`]) {
      await other.page.goto(`${server.url}/#/`)
      await other.page.evaluate((to) => (location.hash = to), hash)
      const answer = other.page.getByRole('complementary', { name: 'Thread' }).locator('.message.wanted', { hasText: 'my answer' })
      await answer.waitFor()
      await other.page.getByRole('heading', { level: 1, name: 'General' }).waitFor()
      await other.page.getByRole('button', { name: 'Close thread' }).click()
    }
    await other.context.close()
  })

  it('says who is mentioned, and who is not there to be', async () => {
    const { page } = mary
    const room = await api('POST', '/rooms', { name: 'Small', kind: 'private', users: [joe.user.id] })
    await mary.open('Small')
    await mary.box.fill('')
    await mary.box.pressSequentially('@')
    await page.getByRole('option', { name: /Notify everyone/ }).first().waitFor()
    await mary.box.pressSequentially('Pa')
    await page.locator('.completion .outside', { hasText: 'not in this room' }).waitFor()
    await mary.box.press('Enter')
    await mary.box.pressSequentially('please look')
    await mary.box.press('Enter')
    const note = page.locator('.composer-note', { hasText: 'Pablo isn’t in this room' })
    await note.getByRole('button', { name: 'Add' }).click()
    await until('Pablo to be there', async () => (await api('GET', `/rooms/${room.id}/members`)).members.length === 3)
    await mary.say('@Joe hello')
    await mary.sees('@Joe hello')
    assert.equal(await page.locator('.composer-note').count(), 0)
    await mary.open('General')
  })

  it('leads from a link to a public room into it', async () => {
    const { page } = mary
    const room = await joe('POST', '/rooms', { name: 'Open house', topic: 'Come in', kind: 'public' })
    await page.evaluate((id) => (location.hash = `#/r/${id}`), room.id)
    await page.getByText('Come in').waitFor()
    await page.getByRole('button', { name: 'Join Open house' }).click()
    await page.getByRole('heading', { level: 1, name: 'Open house' }).waitFor()
    await mary.open('General')
  })

  it('opens its own links in place, and names what they lead to', async () => {
    const { page } = mary
    const { no } = await say('the one that is linked')
    await mary.sees('the one that is linked')
    await say(`see ${server.url}/#/r/general/${no} please`)
    const link = row(mary, 'see #General').locator('.markdown a')
    assert.match(await link.innerText(), /^#General · Joe, /)
    await link.click()
    await page.locator('.message.wanted', { hasText: 'the one that is linked' }).waitFor()
    assert.equal(mary.context.pages().length, 1)
  })

  it('keeps words in tables whole, and piles of marks in their message', async () => {
    await mary.page.setViewportSize({ width: 1440, height: 900 })
    await say('| Item | Owner | Priority |\n|---|---|---|\n| Printer | Magdalena | medium |')
    const cell = row(mary, 'Magdalena').locator('td', { hasText: 'Magdalena' })
    await cell.waitFor()
    assert.ok((await cell.evaluate((e) => e.getBoundingClientRect().height)) < 40, 'one line')
    await say(`z${'\u0310\u0311\u0489'.repeat(48)} marks`)
    assert.equal(await row(mary, ' marks').locator('.markdown').evaluate((e) => getComputedStyle(e).overflow), 'clip')
    await say('123456789. my account\n\n999. long')
    const long = row(mary, 'my account')
    await long.waitFor()
    const list = await long.locator('ol').evaluate((e) => parseFloat(getComputedStyle(e).paddingInlineStart))
    assert.ok(list > 34, `${list} px for the number`)
    await mary.page.setViewportSize({ width: 1280, height: 800 })
  })

  it('has all of a menu within reach in a low window', async () => {
    await mary.page.setViewportSize({ width: 1280, height: 400 })
    await say('a message with a long menu')
    await act(mary, 'a message with a long menu', 'More')
    const menu = mary.page.getByRole('menu')
    const { top, bottom } = await box(menu)
    assert.ok(top >= 0 && bottom <= 400, `the menu is from ${top} to ${bottom}`)
    await menu.getByRole('menuitem').last().click({ trial: true })
    await menu.getByRole('menuitem').first().click({ trial: true })
    await mary.page.keyboard.press('Escape')
    await mary.page.setViewportSize({ width: 1280, height: 800 })
  })

  it('lets the Tab key pass all messages at once', async () => {
    const { page } = mary
    await say('```go\nx := 1\n```\n[a](https://a.example) [b](https://b.example)')
    await row(mary, 'x := 1').waitFor()
    await mary.box.focus()
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Shift+Tab')
    assert.equal(await page.evaluate(() => document.activeElement.className), 'timeline')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Tab')
    assert.ok(await page.evaluate(() => document.activeElement.closest('article') !== null && document.activeElement.matches('a, button, pre')))
    const name = await row(mary, 'x := 1').getAttribute('aria-label')
    assert.match(name, /^Joe, .*: x := 1/)
    assert.equal(await page.locator('.timeline').getAttribute('aria-live'), 'off')
    await say('read this aloud')
    await page.locator('[aria-live=polite]', { hasText: 'Joe: read this aloud' }).waitFor({ state: 'attached' })
  })

  it('keeps half an edit, and gives the focus back', async () => {
    const { page } = mary
    await mary.say('to be edited')
    await mary.sees('to be edited')
    await mary.box.press('ArrowUp')
    const field = page.getByRole('textbox', { name: 'Edit message' })
    await field.fill('half an edit')
    await mary.open('Long')
    await mary.open('General')
    assert.equal(await field.inputValue(), 'half an edit')
    await field.fill('@Jo')
    await page.getByRole('option', { name: /Joe/ }).waitFor()
    await field.press('Enter')
    assert.equal(await field.inputValue(), '@Joe ')
    await field.press('Escape')
    assert.ok(await mary.box.evaluate((e) => e === document.activeElement))
    await mary.box.press('ArrowUp')
    await field.fill('edited now')
    await field.press('Enter')
    await mary.sees('edited now')
    assert.ok(await mary.box.evaluate((e) => e === document.activeElement))
  })

  it('finds by half a name, and marks what it found', async () => {
    const { page } = mary
    await say('the dashboards are new')
    await mary.sees('the dashboards are new')
    await page.getByRole('button', { name: 'Search', exact: true }).click()
    const field = page.getByRole('searchbox', { name: 'Search messages' })
    await field.fill('dashboards from:jo')
    await page.locator('.search-offers').getByRole('button', { name: 'Joe' }).click()
    assert.equal(await field.inputValue(), 'dashboards from:Joe ')
    await field.fill('dashboards from:jo')
    await field.press('Enter')
    await page.locator('.hit', { hasText: 'the dashboards are new' }).waitFor()
    assert.equal(await page.locator('.hit mark').first().textContent(), 'dashboards')
    await page.getByRole('button', { name: 'Remove from:jo' }).click()
    assert.equal(await field.inputValue(), 'dashboards')
    await field.fill('dashbaords is:')
    await page.getByRole('list', { name: 'Suggestions' }).getByRole('button', { name: 'pinned' }).waitFor()
    await field.fill('dashbaords')
    await field.press('Enter')
    await page.getByText('No exact matches. Showing results for “dashboards”.').waitFor()
    await page.getByRole('button', { name: 'Best match' }).click()
    await page.getByRole('button', { name: 'Best match', pressed: true }).waitFor()
    await field.focus()
    await page.keyboard.press('ArrowDown')
    assert.ok(await page.locator('.hit button').first().evaluate((e) => e === document.activeElement))
    await page.getByRole('button', { name: 'Close search' }).click()
    await page.getByRole('button', { name: 'Search', exact: true }).click()
    await page.locator('.hit mark', { hasText: 'dashboards' }).first().waitFor() // the results are there again
    await field.fill('x from:zzz')
    await field.press('Enter')
    await page.getByText('No one called zzz').waitFor()
    await page.getByRole('button', { name: 'Close search' }).click()
  })

  it('asks before it makes an owner', async () => {
    const owner = await Person.arrive(browser, server.url)
    await owner.logIn('Pablo')
    await owner.page.getByRole('button', { name: /^\d+ members?$/ }).click()
    await owner.page.getByRole('button', { name: 'Manage Joe' }).click()
    await owner.page.getByRole('menuitem', { name: 'Make owner…' }).click()
    const dialog = owner.page.getByRole('dialog', { name: 'Make Joe an owner?' })
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    assert.equal((await pablo('GET', '/users')).users.find((u) => u.name === 'Joe').role, 'member')
    await owner.context.close()
  })

  it('shows a mention in a thread above the rooms, and at its room', async () => {
    const { page } = mary
    const { no } = await api('POST', '/rooms/general/messages', { text: 'ask me here' })
    await mary.open('Long')
    await say('@Mary in the thread', { thread: no })
    await page.getByRole('region', { name: 'Unread threads' }).locator('.badge.called').waitFor()
    await page.locator('.room-item', { hasText: 'General' }).locator('[title*="mention in a thread"]').waitFor()
    await page.getByRole('region', { name: 'Unread threads' }).getByRole('button', { name: 'in the thread' }).click()
    await page.getByRole('complementary', { name: 'Thread' }).locator('.message', { hasText: 'in the thread' }).waitFor()
    await page.getByRole('button', { name: 'Close thread' }).click()
  })

  it('closes on Back what is on top of a phone’s screen', async () => {
    const p = await Person.arrive(browser, server.url, phone)
    const { page } = p
    await page.goto(server.url)
    await page.getByLabel('Name').fill('Mary')
    await page.getByLabel('Password').fill('password123')
    for (const field of ['Name', 'Password']) assert.equal(await page.getByLabel(field).evaluate((e) => getComputedStyle(e).fontSize), '16px')
    await page.getByRole('button', { name: 'Log in' }).click()
    await p.open('General')
    const heading = page.getByRole('heading', { level: 1, name: 'General' })
    await page.getByRole('button', { name: /^\d+ members?$/ }).click()
    const people = page.getByRole('complementary', { name: 'People in this room' })
    await people.waitFor()
    await page.goBack()
    await people.waitFor({ state: 'detached' })
    assert.ok(await heading.isVisible())

    await page.getByRole('button', { name: 'Room menu' }).click()
    await page.getByRole('menuitem', { name: 'Pinned messages' }).click()
    await page.getByRole('dialog').waitFor()
    await page.goBack()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    assert.ok(await heading.isVisible())

    await page.getByRole('button', { name: 'Search', exact: true }).click()
    await page.getByRole('searchbox').fill('dashboards')
    await page.getByRole('searchbox').press('Enter')
    await page.locator('.hit button').first().click()
    await page.locator('.search-pane').waitFor({ state: 'detached' })
    await page.locator('.message.wanted', { hasText: 'dashboards' }).waitFor()
    await page.goBack()
    await page.locator('.hit', { hasText: 'dashboards' }).waitFor() // the results are there again
    await page.goBack()
    await page.locator('.search-pane').waitFor({ state: 'detached' })
    assert.ok(await heading.isVisible())
    await page.goBack()
    await page.getByRole('heading', { level: 1, name: 'Parley' }).waitFor()
    await page.getByRole('button', { name: 'Search', exact: true }).waitFor() // the list has a search of its own

    await p.open('General')
    const target = page.locator('main .message[data-no]').last()
    await target.click({ position: { x: 200, y: 10 } })
    await target.getByRole('button', { name: 'React' }).click()
    const sheet = page.getByRole('dialog', { name: 'React' })
    const { left, right, bottom } = await box(sheet)
    assert.deepEqual([left, right, bottom], [0, 390, 780])
    await page.goBack()
    await sheet.waitFor({ state: 'detached' })
    assert.ok(await heading.isVisible())
    assert.deepEqual(p.faults, [])
    await p.context.close()
  })

  it('keeps open what one opens while the browser goes back from the last', async () => {
    const p = await Person.arrive(browser, server.url, { viewport: phone.viewport })
    const { page } = p
    await page.goto(server.url)
    await page.getByLabel('Name').fill('Mary')
    await page.getByLabel('Password').fill('password123')
    await page.getByRole('button', { name: 'Log in' }).click()
    await p.open('General')
    for (let i = 0; i < 5; i++) {
      await page.keyboard.press('Control+k')
      await page.getByRole('combobox').waitFor()
      await page.evaluate((after) => {
        document.querySelector('dialog').dispatchEvent(new Event('cancel', { cancelable: true }))
        setTimeout(() => document.querySelector('.room-head button[aria-pressed]').click(), after)
      }, i)
      await until('the search to have its entry', () => page.evaluate(() => history.state?.name === 'search' && document.querySelector('.search-pane') !== null))
      await page.goBack()
      await page.locator('.search-pane').waitFor({ state: 'detached' })
      assert.ok(await page.getByRole('heading', { level: 1, name: 'General' }).isVisible())
    }
    assert.deepEqual(p.faults, [])
    await p.context.close()
  })

  it('says that cookies are blocked, and that something else answers', async () => {
    const p = await Person.arrive(browser, server.url)
    await p.page.addInitScript(() => Object.defineProperty(window, 'localStorage', { get: () => { throw new DOMException('blocked', 'SecurityError') } }))
    await p.page.goto(server.url)
    await p.page.getByText('Allow cookies for this site').waitFor()
    await p.context.close()
    for (const answer of [{ status: 401, body: 'who are you?' }, { status: 200, contentType: 'text/html', body: '<p>a proxy</p>' }]) {
      const q = await Person.arrive(browser, server.url, { serviceWorkers: 'block' })
      await q.page.route('**/api/v1/server', (route) => route.fulfill(answer))
      await q.page.goto(server.url)
      await q.page.getByText('Something else answered at this address').waitFor()
      await q.context.close()
    }
  })

  it('had no fault', () => assert.deepEqual(mary.faults, []))
})

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { axe, colours } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { Wire } from './lib/proxy.mjs'
import { Server, until } from './lib/server.mjs'

describe('rooms', { skip: missing() }, () => {
  let server, wire, browser, mary, joe, as, garden, receiver
  const found = []
  before(async () => {
    server = await Server.start({ args: ['--max-sends=-1', '--outgoing-allow=127.0.0.1'] })
    wire = await Wire.to(server)
    browser = await launch()
    as = { mary: await server.caller('Mary'), joe: await server.caller('Joe') }
    await as.joe('PUT', '/documents/sidebar', { was: 0, value: { previews: true } }) // the list tells the last messages
    garden = await as.mary('POST', '/rooms', { name: 'Garden', topic: 'What grows', users: [as.joe.user.id] })
    await as.joe('POST', `/rooms/${garden.id}/messages`, { text: 'the roses are mine' })
    const options = { colorScheme: 'light', reducedMotion: 'reduce' }
    mary = await Person.arrive(browser, server.url, options)
    joe = await Person.arrive(browser, wire.url, options)
    await mary.logIn('Mary')
    await joe.logIn('Joe')
    await mary.open('Garden')
    await joe.open('Garden')
  })
  after(async () => {
    await browser?.close()
    await wire?.close()
    await server?.stop()
    receiver?.close()
  })

  const dialog = (person, name) => person.page.getByRole('dialog', { name, exact: true })
  const settings = async (person, tab) => {
    await person.page.getByRole('button', { name: 'Room menu' }).click()
    await person.page.getByRole('menuitem', { name: 'Room settings' }).click()
    const box = dialog(person, 'Garden settings')
    await box.waitFor()
    if (tab) await box.getByRole('tab', { name: tab }).click()
    return box
  }
  const gone = async (box) => {
    await box.page().keyboard.press('Escape')
    await box.waitFor({ state: 'detached' })
  }
  /** Asks axe about a screen, light and dark, and with SHOTS keeps pictures of it. */
  const look = async (person, name, part = 'html') => {
    const { page } = person
    for (const colorScheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme })
      found.push(...(await axe(page, part, colorScheme === 'dark' ? colours : undefined)).map((f) => `${name}, ${colorScheme}: ${f}`))
      if (!process.env.SHOTS) continue
      mkdirSync(process.env.SHOTS, { recursive: true })
      for (const width of colorScheme === 'dark' ? [390] : [390, 820, 1440]) {
        await page.setViewportSize({ width, height: 844 })
        await page.screenshot({ path: join(process.env.SHOTS, `${name}-${colorScheme}-${width}.png`) })
      }
      await page.setViewportSize({ width: 1280, height: 800 })
    }
  }
  /** Opens the menu of a message and chooses from it. */
  const choose = async (person, text, item) => {
    const row = person.page.locator('.message[data-no]', { hasText: text })
    await row.hover()
    await row.getByRole('button', { name: 'More' }).click()
    await person.page.getByRole('menuitem', { name: item }).click()
  }

  it('with several people are opened by keyboard, and named after them', async () => {
    const { page } = mary
    await page.getByRole('button', { name: 'New room' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('menuitem', { name: 'Message' }).waitFor()
    await page.keyboard.press('End')
    await page.locator('[role=menuitem]:focus', { hasText: 'Message' }).waitFor()
    await page.keyboard.press('Enter')
    const box = page.getByRole('dialog')
    await box.waitFor()
    for (const name of ['Joe', 'Alex']) {
      await page.keyboard.type(name.slice(0, 2))
      await box.getByRole('option', { name }).waitFor()
      await page.keyboard.press('Enter')
      await box.getByRole('button', { name: `Remove ${name}` }).waitFor()
    }
    await look(mary, 'group-new', 'dialog')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Alex and Joe' }).waitFor()
    await page.locator('.composer textarea:focus').waitFor()
    await mary.say('just the three of us')
    const item = joe.page.locator('.room-item', { hasText: 'Alex and Mary' })
    await item.getByText('just the three of us').waitFor()
    assert.match(await item.innerText(), /Mary:/)
    await joe.page.keyboard.press('Control+k')
    await joe.page.keyboard.type('alex and')
    await joe.page.getByRole('option', { name: 'Alex and Mary' }).waitFor()
    await look(joe, 'group-switcher', 'dialog')
    await joe.page.keyboard.press('Enter')
    await joe.sees('just the three of us')
    await joe.page.getByRole('button', { name: '3 members' }).click()
    await until('all to be on the list', async () => (await joe.page.locator('.member .person-name').allInnerTexts()).map((n) => n.split(' ')[0]).sort().join() === 'Alex,Joe,Mary')
    assert.equal(await joe.page.getByRole('button', { name: /^Manage / }).count(), 0, 'nobody moderates it')
    await look(joe, 'group')
    await joe.page.keyboard.press('Escape')
    await joe.open('Garden')
    await mary.open('Garden')
  })

  it('are slowed down: what one writes stays, and what was refused goes by itself', async () => {
    const box = await settings(mary)
    await look(mary, 'settings-about', 'dialog')
    await box.getByLabel('Slow mode').selectOption({ label: 'One message every 5 seconds' })
    await box.getByRole('button', { name: 'Save' }).click()
    await box.waitFor({ state: 'detached' })
    await joe.page.locator('.notice', { hasText: 'Mary turned on slow mode: one message every 5 seconds' }).waitFor()
    await joe.page.locator('.slow-note').waitFor()
    await joe.say('first')
    await joe.page.getByRole('button', { name: /^Send \(in/ }).waitFor()
    await joe.say('second') // Enter sends nothing
    assert.equal(await joe.box.inputValue(), 'second')
    await joe.page.locator('.slow-note [role=status]', { hasText: 'you can send again in a moment' }).waitFor()
    await look(joe, 'slow')
    await joe.page.getByRole('button', { name: 'Send', exact: true }).click()
    await mary.sees('second')
    assert.equal(await joe.box.inputValue(), '')
    // Two that were written without a connection: the second has to wait.
    wire.cut()
    await joe.page.locator('.connection').waitFor()
    await joe.page.getByRole('button', { name: 'Send', exact: true }).waitFor()
    await joe.say('third')
    await joe.say('fourth')
    await joe.page.locator('.message[data-state=pending]', { hasText: 'fourth' }).waitFor()
    wire.mend()
    await joe.page.locator('.message[data-state=pending]', { hasText: 'Slow mode: sends automatically in' }).waitFor()
    await look(joe, 'slow-waiting')
    await mary.sees('fourth')
    assert.deepEqual((await mary.texts()).slice(-4), ['first', 'second', 'third', 'fourth'])
    await as.mary('PATCH', `/rooms/${garden.id}`, { slow: 0 })
    await joe.page.locator('.slow-note').waitFor({ state: 'detached' })
  })

  it('are for announcements: moderators post, and the others see why they do not', async () => {
    const box = await settings(mary)
    await box.getByRole('checkbox', { name: 'Announcements only' }).focus()
    await mary.page.keyboard.press('Space')
    await look(mary, 'settings-announce', 'dialog')
    await box.getByRole('button', { name: 'Save' }).press('Enter')
    await box.waitFor({ state: 'detached' })
    await joe.page.locator('.notice', { hasText: 'Mary made this a room for announcements' }).waitFor()
    await joe.page.locator('.barred', { hasText: 'Only moderators post in this room. You can reply in threads.' }).waitFor()
    await look(joe, 'announce')
    await mary.say('the gate stays open')
    await joe.sees('the gate stays open')
    await assert.rejects(as.joe('POST', `/rooms/${garden.id}/messages`, { text: 'why?' }))
    await choose(joe, 'the gate stays open', 'Copy link')
    await as.mary('PATCH', `/rooms/${garden.id}`, { announce: false })
    await joe.box.waitFor()
  })

  it('have people who are muted: they see until when and why', async () => {
    await joe.box.fill('half a thought')
    await choose(mary, 'the roses are mine', 'Mute…')
    const ask = dialog(mary, 'Mute Joe?')
    await ask.getByLabel('Duration').selectOption({ label: '1 hour' })
    await ask.getByLabel('Reason').fill('Roses belong to all')
    await look(mary, 'mute', 'dialog')
    await ask.getByRole('button', { name: 'Mute', exact: true }).click()
    await ask.waitFor({ state: 'detached' })
    const bar = joe.page.getByRole('status').filter({ hasText: 'Mary muted you in this room until' })
    await bar.waitFor()
    assert.match(await bar.innerText(), /Reason: Roses belong to all[\s\S]*Your draft is saved/)
    assert.equal(await joe.box.count(), 0)
    assert.ok(await joe.page.locator('.writing').evaluate((e) => e.contains(document.activeElement)), 'the focus is where the field was')
    await joe.page.locator('.message[data-no]', { hasText: 'the roses are mine' }).hover()
    await joe.page.getByRole('toolbar').waitFor()
    assert.equal(await joe.page.getByRole('toolbar').getByRole('button', { name: /^(React|Edit)$/ }).count(), 0)
    await joe.page.getByRole('toolbar').getByRole('button', { name: 'More' }).click()
    await joe.page.getByRole('menuitem', { name: 'Delete' }).waitFor() // one's own can be taken back
    await joe.page.keyboard.press('Escape')
    await look(joe, 'muted')
    await mary.page.getByRole('button', { name: /^\d+ members?$/ }).click()
    await mary.page.locator('.member', { hasText: 'Joe' }).getByText('Muted until').waitFor({ state: 'attached' })
    await mary.page.getByRole('button', { name: 'Manage Joe' }).click()
    await mary.page.getByRole('menu').waitFor()
    await look(mary, 'members')
    await mary.page.getByRole('menuitem', { name: 'Unmute' }).click()
    await joe.box.waitFor()
    assert.equal(await joe.box.inputValue(), 'half a thought')
    await joe.box.fill('')
    await mary.page.keyboard.press('Escape')
  })

  it('are archived, and opened again', async () => {
    const box = await settings(mary)
    await box.getByRole('button', { name: 'Archive room' }).click()
    await dialog(mary, 'Archive Garden?').waitFor()
    await look(mary, 'archive', 'dialog')
    await dialog(mary, 'Archive Garden?').getByRole('button', { name: 'Archive room' }).click()
    await box.getByRole('button', { name: 'Unarchive' }).waitFor()
    await gone(box)
    await joe.page.getByRole('status').filter({ hasText: 'This room is archived' }).waitFor()
    assert.equal(await joe.box.count(), 0)
    assert.equal(await joe.page.getByRole('button', { name: 'Unarchive' }).count(), 0)
    const fold = joe.page.getByRole('button', { name: /^Archived\s*1$/ })
    assert.equal(await fold.getAttribute('aria-expanded'), 'false')
    await joe.page.locator('.room-item.open', { hasText: 'Garden' }).waitFor() // shown all the same, as it is open
    await look(joe, 'archived')
    await joe.open('General')
    await joe.page.locator('.room-item', { hasText: 'Garden' }).waitFor({ state: 'detached' })
    await joe.page.getByRole('button', { name: 'New room' }).click()
    await joe.page.getByRole('menuitem', { name: 'Browse public rooms' }).click()
    const rooms = joe.page.getByRole('dialog').getByRole('listitem')
    await rooms.filter({ hasText: 'Garden' }).getByText('Archived').waitFor()
    assert.match(await rooms.last().innerText(), /Garden/)
    await look(joe, 'directory', 'dialog')
    await joe.page.keyboard.press('Escape')
    await mary.page.getByRole('button', { name: 'Unarchive' }).click()
    await mary.box.waitFor()
    await joe.open('Garden')
    await joe.say('it grows again')
    await mary.sees('it grows again')
  })

  it('are left by those who are removed or banned, who are told', async () => {
    await mary.page.getByRole('button', { name: /^\d+ members?$/ }).click()
    await mary.page.getByRole('button', { name: 'Manage Joe' }).click()
    await mary.page.getByRole('menuitem', { name: 'Ban from room…' }).click()
    const ask = dialog(mary, 'Ban Joe?')
    await ask.getByLabel('Duration').selectOption({ label: 'Custom…' })
    await ask.getByLabel('Number').fill('3')
    await ask.getByLabel('Unit').selectOption({ label: 'days' })
    await ask.getByLabel('Reason').fill('Still the roses')
    await look(mary, 'ban', 'dialog')
    await ask.getByRole('button', { name: 'Ban', exact: true }).click()
    // The room is public, so its name stands there once it is known.
    const left = joe.page.locator('.empty').getByRole('heading', { name: /^(Room not found|Garden)$/ })
    await until('the focus to be where that stands', () => left.evaluate((el) => el === document.activeElement))
    await joe.page.locator('.empty', { hasText: 'Mary removed you from Garden. Reason: Still the roses' }).waitFor()
    await joe.page.locator('.toast', { hasText: 'Mary removed you from Garden.' }).waitFor()
    await look(joe, 'parted')
    await joe.page.getByRole('button', { name: 'Browse public rooms' }).click()
    const browse = joe.page.getByRole('dialog')
    await browse.getByRole('button', { name: 'Join Garden' }).click()
    await browse.getByRole('alert').filter({ hasText: /banned.*Still the roses/ }).waitFor()
    const box = await settings(mary, 'Bans')
    const line = box.getByRole('listitem').filter({ hasText: 'Joe' })
    await line.getByText('Still the roses').waitFor()
    await look(mary, 'banned', 'dialog')
    await line.getByRole('button', { name: 'Unban Joe' }).click()
    await box.getByText('No one is banned').waitFor()
    assert.ok(await box.evaluate((e) => e.contains(document.activeElement)))
    await box.getByRole('tab', { name: 'People' }).click()
    await box.locator('.member', { hasText: 'Mary' }).waitFor()
    await look(mary, 'settings-people', 'dialog')
    await gone(box)
    await browse.getByRole('button', { name: 'Join Garden' }).click()
    await joe.page.getByRole('heading', { level: 1, name: 'Garden' }).waitFor()
  })

  it('tell programs what happens in them, and say how that fares', async () => {
    const got = []
    let answer = 200
    receiver = createServer((req, res) => {
      let body = ''
      req.on('data', (chunk) => (body += chunk))
      req.on('end', () => {
        got.push(JSON.parse(body))
        res.writeHead(answer).end()
      })
    })
    await new Promise((done) => receiver.listen(0, '127.0.0.1', done))
    const address = `http://127.0.0.1:${receiver.address().port}/events`
    const box = await settings(mary, 'Integrations')
    const part = box.getByRole('region', { name: 'Outgoing webhooks' })
    await part.getByText('None yet').waitFor()
    await part.getByLabel('URL').fill('https://user@example.org')
    await part.getByRole('button', { name: 'Create outgoing webhook' }).click()
    await part.locator('.field-error').waitFor()
    await part.getByLabel('URL').fill(address)
    await part.getByLabel('Events').selectOption({ label: 'New messages only' })
    await part.getByLabel('Events').focus()
    await mary.page.keyboard.press('Tab')
    await mary.page.keyboard.press('Enter')
    const key = part.getByLabel('Signing secret')
    await key.waitFor()
    assert.ok(await key.evaluate((e) => e === document.activeElement))
    assert.ok((await key.inputValue()).length > 20)
    const line = part.getByRole('listitem').filter({ hasText: '127.0.0.1' })
    await line.getByText('Nothing sent yet').waitFor()
    await as.joe('POST', `/rooms/${garden.id}/messages`, { text: 'for the program' })
    await line.getByText('Working').waitFor()
    assert.deepEqual(got.map((e) => e.message?.text ?? e.event?.message?.text), ['for the program'])
    await look(mary, 'integrations', 'dialog')
    answer = 500
    await as.joe('POST', `/rooms/${garden.id}/messages`, { text: 'refused' })
    await line.getByText('Failing').waitFor()
    await line.locator('.outgoing-fault', { hasText: 'next try at' }).waitFor()
    await look(mary, 'integrations-fail', 'dialog')
    await line.getByRole('button', { name: /^Delete / }).click()
    await mary.page.getByRole('dialog', { name: /^Delete 127/ }).getByRole('button', { name: 'Delete', exact: true }).click()
    await part.getByText('None yet').waitFor()
    assert.equal(await key.count(), 0)
    await gone(box)
  })

  it('show what a program did not take, which can be sent again', async () => {
    // It takes a server hours to give up: here its answers are given.
    const person = await Person.arrive(browser, server.url, { colorScheme: 'light', reducedMotion: 'reduce' })
    const at = '2026-01-02T03:04:05Z'
    const asked = []
    const hook = { id: 'w1', room: garden.id, url: 'https://ci.example.org/x', created_by: as.mary.user.id, created_at: at, position: { epoch: 'e', seq: 9 }, sent_at: at, dead: 2 }
    let letters = ['d1', 'd2'].map((id, i) => ({ id, event: `e${i}`, kind: 'message.created', after: { epoch: 'e', seq: i }, error: 'answered 500', attempts: 15, at }))
    const answers = {
      'outgoing.list': () => ({ webhooks: [hook] }),
      'outgoing.dead': () => ({ dead: letters }),
      'outgoing.retry': ({ dead }) => {
        asked.push(dead)
        if (dead) letters = letters.map((l) => (l.id === dead ? { ...l, error: 'answered 502', attempts: 16 } : l))
        else letters = []
        return {}
      },
    }
    await person.page.routeWebSocket(/api.v1.ws/, (socket) => {
      const real = socket.connectToServer()
      socket.onMessage((text) => {
        const { id, method, params } = JSON.parse(text)
        if (answers[method]) socket.send(JSON.stringify({ jsonrpc: '2.0', id, result: answers[method](params) }))
        else real.send(text)
      })
    })
    await person.logIn('Mary')
    await person.open('Garden')
    const box = await settings(person, 'Integrations')
    const line = box.getByRole('listitem').filter({ hasText: 'ci.example.org' })
    await line.getByRole('button', { name: '2 events couldn’t be delivered' }).click()
    const dead = line.getByRole('group', { name: 'Events that couldn’t be delivered' })
    await dead.getByRole('listitem').nth(1).waitFor()
    await look(person, 'dead', 'dialog')
    await dead.getByRole('button', { name: /^Retry: message.created from/ }).first().click()
    await dead.getByText('answered 502').waitFor()
    await dead.getByRole('button', { name: 'Retry all' }).click()
    await dead.getByText('No failed events').waitFor()
    assert.deepEqual(asked, ['d1', undefined])
    assert.ok(await box.evaluate((e) => e.contains(document.activeElement)), 'the focus stays in the dialog')
    await person.context.close()
  })

  it('are without a fault on any screen', () => {
    assert.deepEqual([...mary.faults, ...joe.faults], [])
    assert.equal([...new Set(found)].join('\n'), '')
  })
})

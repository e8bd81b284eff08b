import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { axe, colours } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { hide, shown, told } from './lib/notices.mjs'
import { Server, until } from './lib/server.mjs'

describe('people', { skip: missing() }, () => {
  let server, browser, mary, joe, asJoe
  const found = []
  before(async () => {
    server = await Server.start({ args: ['--max-sends=-1'] })
    browser = await launch()
    asJoe = await server.caller('Joe')
    mary = await Person.arrive(browser, server.url, { permissions: ['notifications'], serviceWorkers: 'allow', reducedMotion: 'reduce' })
    joe = await Person.arrive(browser, server.url, { reducedMotion: 'reduce' })
    await mary.logIn('Mary')
    await joe.logIn('Joe')
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  const menu = async (person, item) => {
    await person.page.getByRole('button', { name: /^Your account/ }).click()
    await person.page.getByRole('menuitem', { name: item }).click()
    const dialog = person.page.getByRole('dialog')
    await dialog.waitFor()
    return dialog
  }
  const gone = (person) => person.page.getByRole('dialog').waitFor({ state: 'detached' })
  const look = async (person, screen) => {
    const { page } = person
    for (const [colorScheme, width, rules] of [['light', 1280, undefined], ['dark', 1280, colours], ['dark', 390, undefined]]) {
      await page.setViewportSize({ width, height: 800 })
      await page.emulateMedia({ colorScheme })
      found.push(...(await axe(page, 'dialog', rules)).map((f) => `${screen}, ${colorScheme}, ${width}: ${f}`))
    }
    await page.setViewportSize({ width: 1280, height: 800 })
    await page.emulateMedia({ colorScheme: 'light' })
  }
  const profile = async (person, name) => {
    await person.page.locator('.message-author', { hasText: name }).first().click()
    const dialog = person.page.getByRole('dialog', { name: 'Profile' })
    await dialog.getByText(name, { exact: true }).waitFor()
    return dialog
  }

  it('show who they are, by their name', async () => {
    let dialog = await profile(mary, 'Joe')
    await dialog.getByText('Online', { exact: true }).waitFor()
    await look(mary, 'profile')
    assert.equal(await dialog.getByRole('button', { name: 'Manage' }).count(), 0, 'that is for admins')
    await dialog.getByRole('button', { name: 'Mention' }).click()
    await gone(mary)
    assert.equal(await mary.box.inputValue(), '@Joe ')
    assert.ok(await mary.box.evaluate((el) => el === document.activeElement))
    await mary.box.fill('')
    await mary.page.getByRole('button', { name: /^\d+ members?$/ }).click()
    await mary.page.locator('.member .person-item', { hasText: 'Joe' }).click()
    dialog = mary.page.getByRole('dialog', { name: 'Profile' })
    await dialog.getByRole('button', { name: 'Message' }).click()
    await mary.page.getByRole('heading', { level: 1, name: 'Joe' }).waitFor()
    await mary.page.getByRole('button', { name: 'Joe’s profile' }).first().click()
    await dialog.waitFor()
    await mary.page.keyboard.press('Escape')
    await gone(mary)
    await mary.open('General')
  })

  it('have a status, until it is over', async () => {
    const dialog = await menu(joe, 'Set a status')
    await dialog.getByRole('button', { name: 'On holiday' }).click()
    assert.equal(await dialog.getByLabel('Status', { exact: true }).inputValue(), 'On holiday')
    await dialog.getByLabel('Status', { exact: true }).fill('By the sea')
    await dialog.getByLabel('Clear after').selectOption({ label: 'Until…' })
    await look(joe, 'status')
    await dialog.getByRole('textbox', { name: 'Until' }).fill('2020-01-01T10:00')
    await dialog.getByText('Choose a time in the future').waitFor()
    assert.ok(await dialog.getByRole('button', { name: 'Save' }).isDisabled())
    await dialog.getByLabel('Clear after').selectOption({ label: '4 hours' })
    await dialog.getByRole('button', { name: 'Save' }).click()
    await gone(joe)
    await joe.page.locator('.account .status-mark', { hasText: '🌴' }).waitFor()
    await mary.page.locator('.message', { has: mary.page.locator('.message-author', { hasText: 'Joe' }) }).first().locator('.status-mark', { hasText: '🌴' }).waitFor()
    await mary.page.locator('.room-item', { hasText: 'Joe' }).locator('.status-mark').first().waitFor()
    const card = await profile(mary, 'Joe')
    await card.getByText('By the sea').waitFor()
    await mary.page.keyboard.press('Escape')
    await gone(mary)
    // One that is over is shown by nobody, without a word of the server.
    const over = (until) => asJoe('PATCH', '/account', { status: { emoji: '⏳', text: 'Soon over', until: new Date(until).toISOString() } })
    const mark = mary.page.locator('.room-item', { hasText: 'Joe' }).locator('.status-mark', { hasText: '⏳' })
    await over(Date.now() + 3_600_000)
    await mark.waitFor()
    const soon = Date.now() + 1_500
    await over(soon)
    await mark.waitFor({ state: 'detached' })
    assert.ok(Date.now() >= soon)
    const again = await menu(joe, 'Set a status')
    await again.getByRole('button', { name: 'Choose an emoji' }).click()
    await joe.page.locator('.popover .search').fill('rocket')
    await joe.page.locator('.popover button:visible', { hasText: '🚀' }).first().click()
    await joe.page.locator('.popover').waitFor({ state: 'detached' })
    await again.getByRole('button', { name: 'Save' }).click()
    await gone(joe)
    await mary.page.locator('.room-item', { hasText: 'Joe' }).locator('.status-mark', { hasText: '🚀' }).waitFor()
    const last = await menu(joe, 'Set a status')
    await last.getByRole('button', { name: 'Clear status' }).click()
    await gone(joe)
    await mary.page.locator('.room-item', { hasText: 'Joe' }).locator('.status-mark').waitFor({ state: 'detached' })
  })

  it('say something of themselves, and have a picture', async () => {
    const own = await menu(joe, 'Your profile')
    await look(joe, 'your profile')
    await own.getByRole('button', { name: 'Edit profile' }).click()
    const dialog = joe.page.getByRole('dialog', { name: 'Edit profile' })
    await dialog.getByLabel('About you').fill('Looks after the backups')
    const picture = Buffer.from(
      await joe.page.evaluate(() => {
        const canvas = document.createElement('canvas')
        canvas.width = 600
        canvas.height = 300
        const c = canvas.getContext('2d')
        c.fillStyle = 'rebeccapurple'
        c.fillRect(0, 0, 600, 300)
        return canvas.toDataURL('image/png').split(',')[1]
      }),
      'base64',
    )
    const input = dialog.locator('input[type=file]')
    await input.setInputFiles({ name: 'broken.png', mimeType: 'image/png', buffer: picture.subarray(0, 100) })
    await dialog.locator('.fault').waitFor()
    await input.setInputFiles({ name: 'me.png', mimeType: 'image/png', buffer: picture })
    await dialog.getByText('Picture updated').waitFor({ state: 'attached' })
    assert.equal(await dialog.locator('.fault').count(), 0)
    await look(joe, 'edit profile')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await gone(joe)
    const card = await profile(mary, 'Joe')
    await card.getByText('Looks after the backups').waitFor()
    const face = card.locator('.avatar img.shown')
    await face.waitFor()
    assert.deepEqual(await face.evaluate((i) => [i.naturalWidth, i.naturalHeight]), [256, 256])
    await mary.page.keyboard.press('Escape')
    await gone(mary)
    await mary.page.locator('.room-item', { hasText: 'Joe' }).locator('.avatar img.shown').waitFor()
    await (await menu(joe, 'Your profile')).getByRole('button', { name: 'Edit profile' }).click()
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await dialog.getByText('Picture removed').waitFor({ state: 'attached' })
    await joe.page.keyboard.press('Escape')
    await gone(joe)
    await mary.page.locator('.room-item', { hasText: 'Joe' }).locator('.avatar img').waitFor({ state: 'detached' })
  })

  it('are told of in a room what they want to be told of', async () => {
    const { page } = mary
    await page.getByRole('button', { name: /^Your account/ }).click()
    await page.getByRole('menuitem', { name: 'Settings' }).click()
    await page.getByRole('link', { name: 'Notifications' }).click()
    await page.getByRole('checkbox', { name: /^Notify me about/ }).check()
    await page.getByRole('button', { name: 'Back to the chat' }).click()
    const level = async (name) => {
      await page.getByRole('button', { name: 'Room menu' }).click()
      await page.getByRole('menuitem', { name: 'Notifications' }).click()
      const dialog = page.getByRole('dialog', { name: 'Notifications from General' })
      await dialog.getByRole('radio', { name }).check()
      if (name === 'Mute') await look(mary, 'level')
      await page.keyboard.press('Escape')
      await gone(mary)
    }
    const say = (text) => asJoe('POST', '/rooms/general/messages', { text })
    const general = page.locator('.room-item', { has: page.locator('.room-title', { hasText: /^General$/ }) })
    await level('All messages')
    await page.locator('.room-item', { hasText: 'Joe' }).first().click() // General is read no more
    await hide(page, true)
    await say('nothing in particular')
    await told(page, 'nothing in particular')
    await hide(page, false)
    await mary.open('General')
    await level('Mute')
    await page.locator('.room-item', { hasText: 'Joe' }).first().click()
    await hide(page, true)
    await say('more of the same')
    await say('but @Mary should know')
    await general.locator('.badge', { hasText: '1' }).waitFor() // what calls her is counted, and nothing else
    assert.match(await general.getAttribute('class'), /silent/)
    assert.deepEqual(await shown(page), [])
    const counted = async () => (await page.locator('.sidebar .room-item .badge').allInnerTexts()).reduce((sum, n) => sum + Number(/\d+/.exec(n)[0]), 0)
    await until('the title to count the same', async () => (await page.title()).startsWith(`(${await counted()}) `))
    await hide(page, false)
    await mary.open('General')
    await mary.sees('but @Mary should know')
    await page.reload() // the server keeps it
    await page.locator('.room-item.silent', { hasText: 'General' }).waitFor()
    await level(/^Mentions/)
    await page.locator('.room-item.silent').waitFor({ state: 'detached' })
  })

  it('are not disturbed when they do not want to be', async () => {
    const { page } = mary
    let dialog = await menu(mary, 'Pause notifications')
    await dialog.getByLabel('Duration').selectOption({ label: '30 minutes' })
    await look(mary, 'quiet')
    await dialog.getByRole('button', { name: 'Pause', exact: true }).click()
    await gone(mary)
    await page.locator('.account .dot.quiet').waitFor()
    const hers = joe.page.locator('.message', { has: joe.page.locator('.message-author', { hasText: 'Mary' }) }).first()
    await hers.locator('.dot.quiet').waitFor()
    await joe.page.locator('.person-item, .room-item', { hasText: 'Mary' }).getByText('do not disturb').first().waitFor({ state: 'attached' })
    await page.locator('.room-item', { hasText: 'Joe' }).first().click()
    await hide(page, true)
    await asJoe('POST', '/rooms/general/messages', { text: '@Mary, quietly' })
    await page.locator('.room-item', { hasText: 'General' }).locator('.badge.called').waitFor()
    assert.deepEqual(await shown(page), [])
    await hide(page, false)
    dialog = await menu(mary, /^Paused until/)
    await dialog.getByRole('button', { name: 'Resume now' }).click()
    await gone(mary)
    await page.locator('.account .dot.quiet').waitFor({ state: 'detached' })
    await hide(page, true)
    await asJoe('POST', '/rooms/general/messages', { text: '@Mary, aloud' })
    await told(page, '@Mary, aloud')
    await hide(page, false)
  })

  it('are managed from their profile, by who may', async () => {
    const pablo = await Person.arrive(browser, server.url)
    await pablo.logIn('Pablo')
    const dialog = await profile(pablo, 'Alex')
    await dialog.getByRole('button', { name: 'Manage' }).click()
    await pablo.page.getByRole('menuitem', { name: 'Make guest…' }).click()
    await pablo.page.getByRole('button', { name: 'Change role' }).click()
    await dialog.waitFor({ state: 'detached' }) // the question took its place, and is answered
    await (await profile(pablo, 'Alex')).locator('.tag', { hasText: 'Guest' }).waitFor()
    assert.deepEqual(pablo.faults, [])
    await pablo.context.close()
  })

  it('were last seen, unless they hide when they are here', async () => {
    const joes = async () => {
      await mary.page.goto(`${server.url}/#/people`)
      return mary.page.locator('.person-item', { hasText: 'Joe' })
    }
    const card = mary.page.getByRole('dialog', { name: 'Profile' })
    await (await joes()).getByText('Online', { exact: true }).waitFor()
    await joe.page.goto('about:blank')
    await (await joes()).getByText(/^Active (just now|\d+ minutes? ago)$/).waitFor()
    if (process.env.SHOTS) await mary.page.screenshot({ path: `${process.env.SHOTS}/people-seen.png` })
    await (await joes()).click()
    await card.getByText(/^Active /).waitFor()
    await mary.page.keyboard.press('Escape')

    await joe.page.goto(`${server.url}/#/settings/account`)
    const shows = joe.page.getByRole('checkbox', { name: 'Show when I’m online' })
    await (await joes()).getByText('Online', { exact: true }).waitFor()
    await shows.focus()
    await joe.page.keyboard.press('Space')
    await (await joes()).getByText('Offline', { exact: true }).waitFor()
    if (process.env.SHOTS) await joe.page.screenshot({ path: `${process.env.SHOTS}/people-hide.png` })
    await (await joes()).click()
    await card.getByText('Offline', { exact: true }).waitFor()
    assert.equal(await card.getByText(/^Active /).count(), 0)
    const asMary = await server.caller('Mary')
    const { online } = await asMary('GET', '/presence')
    const { seen } = await asMary('POST', '/presence/seen', { users: [(await asJoe('GET', '/account')).user.id] })
    assert.deepEqual([online.length > 0, online.includes((await asJoe('GET', '/account')).user.id), seen], [true, false, []])
    await mary.page.keyboard.press('Escape')
    await mary.page.goto(`${server.url}/#/r/general`)
  })

  it('broke nothing', () => {
    assert.deepEqual([...new Set(found)], [])
    assert.deepEqual([...mary.faults, ...joe.faults], [])
  })
})

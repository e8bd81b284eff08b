// Pictures of the real client with the demo's people: all screens into a directory (the first argument, or a temporary
// one), and the two that the README shows into docs/images.

import { copyFileSync, mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launch, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

const images = fileURLToPath(new URL('../../docs/images', import.meta.url))
const dir = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'parley-screens-'))
mkdirSync(dir, { recursive: true })
mkdirSync(images, { recursive: true })

const server = await Server.start()
const browser = await launch()
const shoot = async (person, name) => {
  await person.page.waitForTimeout(250) // transitions
  await person.page.screenshot({ path: join(dir, `${name}.png`) })
}

/** Something to look at beside what the demo brings. */
async function prepare() {
  const [pablo, joe, mary, alex] = await Promise.all(['Pablo', 'Joe', 'Mary', 'Alex'].map((n) => server.caller(n)))
  const all = [pablo, joe, mary, alex].map((p) => p.user.id)
  const design = await joe('POST', '/rooms', { name: 'Design', topic: 'How it looks and feels', users: all })
  await joe('POST', `/rooms/${design.id}/messages`, { text: 'The new icons are in. Opinions?' })
  await alex('POST', `/rooms/${design.id}/messages`, { text: 'Lovely. The lock is a bit heavy.' })
  const board = await pablo('POST', '/rooms', { name: 'Board', kind: 'private', users: [mary.user.id] })
  await pablo('POST', `/rooms/${board.id}/messages`, { text: 'Agenda for Friday is in the folder.' })
  await mary('PUT', `/rooms/${board.id}/read`, { no: 1 })
  await mary('PUT', '/rooms/general/read', { no: 7 })
}

try {
  await prepare()
  const joe = await Person.arrive(browser, server.url)
  await joe.logIn('Joe')
  const alex = await Person.arrive(browser, server.url)
  await alex.logIn('Alex')
  for (const scheme of ['light', 'dark']) {
    const wide = await Person.arrive(browser, server.url, { viewport: { width: 1440, height: 900 }, colorScheme: scheme, deviceScaleFactor: 1 })
    const { page } = wide
    await page.goto(server.url)
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await shoot(wide, `${scheme}-1440-login`)
    await wide.logIn('Mary')
    await page.locator('.message').last().waitFor()
    await joe.box.pressSequentially('let me see', { delay: 10 })
    await page.locator('.typing', { hasText: 'Joe' }).waitFor()
    await shoot(wide, `${scheme}-1440-room`)
    copyFileSync(join(dir, `${scheme}-1440-room.png`), join(images, `parley-${scheme}.png`))
    await joe.box.fill('')
    await page.getByRole('button', { name: /^People in this room/ }).click()
    await page.locator('.member').first().waitFor()
    await shoot(wide, `${scheme}-1440-members`)
    await page.keyboard.press('Escape')
    await page.keyboard.press('Control+k')
    await shoot(wide, `${scheme}-1440-switcher`)
    await page.keyboard.press('Escape')
    for (const [item, name] of [['Sessions', 'sessions'], ['Change password', 'password'], ['Keyboard and formatting', 'keys']]) {
      await page.getByRole('button', { name: /^Your account/ }).click()
      if (name === 'sessions') await shoot(wide, `${scheme}-1440-account`)
      await page.getByRole('menuitem', { name: item }).click()
      await shoot(wide, `${scheme}-1440-${name}`)
      await page.keyboard.press('Escape')
    }
    for (const [item, name] of [['Create a room', 'create'], ['Browse public rooms', 'browse']]) {
      await page.getByRole('button', { name: 'New room' }).click()
      await page.getByRole('menuitem', { name: item }).click()
      await shoot(wide, `${scheme}-1440-${name}`)
      await page.keyboard.press('Escape')
    }
    await page.setViewportSize({ width: 820, height: 1100 })
    await shoot(wide, `${scheme}-820-room`)
    await wide.context.close()

    const phone = await Person.arrive(browser, server.url, { viewport: { width: 390, height: 844 }, colorScheme: scheme, hasTouch: true, isMobile: true, deviceScaleFactor: 2 })
    await phone.page.goto(server.url)
    await phone.page.getByRole('button', { name: 'Log in' }).waitFor()
    await shoot(phone, `${scheme}-390-login`)
    await phone.page.getByLabel('Name').fill('Pablo')
    await phone.page.getByLabel('Password').fill('password123')
    await phone.page.getByRole('button', { name: 'Log in' }).click()
    await phone.page.locator('.room-item').first().waitFor()
    await shoot(phone, `${scheme}-390-list`)
    await phone.page.locator('.room-item', { hasText: 'General' }).click()
    await phone.page.locator('.message').last().waitFor()
    await shoot(phone, `${scheme}-390-room`)
    await phone.context.close()
  }
  // Without a server.
  const away = await Person.arrive(browser, server.url, { viewport: { width: 1440, height: 900 } })
  await away.logIn('Pablo')
  await server.kill()
  await away.say('Written while the server is down')
  await until('the bar', () => away.page.locator('.connection').count())
  await shoot(away, 'light-1440-away')
  console.log(dir)
} finally {
  await browser.close()
  await server.stop()
}

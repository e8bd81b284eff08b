import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { axe, colours } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { Wire } from './lib/proxy.mjs'
import { Server, until } from './lib/server.mjs'

describe('axe', { skip: missing() }, () => {
  let server, wire, browser
  before(async () => {
    server = await Server.start({ args: ['--max-sends=-1'] })
    wire = await Wire.to(server)
    browser = await launch()
    const [joe, mary] = [await server.caller('Joe'), await server.caller('Mary')]
    const room = await joe('POST', '/rooms', { name: 'Design', topic: 'How it looks', users: [mary.user.id] })
    await joe('POST', `/rooms/${room.id}/messages`, { text: '# A title\n\nwith `code`, a [link](https://example.org), ~~this~~ and\n\n```go\nfunc main() { fmt.Println(1, "two", nil) } // three\n```\n\n```diff\n- four\n+ five\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n> said\n\n- one\n- two' })
    await joe('POST', '/rooms', { name: 'Empty', users: [mary.user.id] })
  })
  after(async () => {
    await browser?.close()
    await wire?.close()
    await server?.stop()
  })

  it('finds nothing on any screen, light and dark', async () => {
    const found = []
    const mary = await Person.arrive(browser, wire.url, { colorScheme: 'light', reducedMotion: 'reduce', serviceWorkers: 'allow' })
    const { page } = mary
    const look = async (screen, part = 'html') => {
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme })
        // What is not about colours is the same in both.
        found.push(...(await axe(page, part, colorScheme === 'dark' ? colours : undefined)).map((f) => `${screen}, ${colorScheme}: ${f}`))
      }
    }
    const menu = async (button, item) => {
      await page.getByRole('button', { name: button }).click()
      await page.getByRole('menuitem', { name: item }).click()
      await page.getByRole('dialog').waitFor()
    }
    const close = async () => {
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
    }
    await page.goto(wire.url)
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await look('log in')
    await page.getByLabel('Name').fill('Mary')
    await page.getByLabel('Password').fill('wrong password')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('alert').filter({ hasText: /./ }).waitFor()
    await look('log in, refused')
    await mary.typeIn('Mary')
    await mary.say('from Mary')
    await mary.sees('from Mary')
    await look('chat')
    await mary.open('Design')
    await page.locator('.message[data-no]').first().waitFor()
    await page.locator('.hljs-title').first().waitFor()
    await look('chat with formatting')
    await page.getByRole('button', { name: 'Search', exact: true }).click()
    // The index follows a moment later.
    await until('what was said to be found', async () => {
      await page.getByRole('searchbox').fill('link is:pinned')
      await page.getByRole('button', { name: 'Remove is:pinned' }).click()
      await page.getByRole('searchbox').press('Enter')
      return page.locator('.hit mark').first().waitFor({ timeout: 1_000 }).then(() => true, () => false)
    })
    await page.getByRole('searchbox').fill('link from:Joe')
    await look('search', '.search-pane')
    await page.getByRole('button', { name: 'Close search' }).click()
    await mary.box.fill('/')
    await page.getByRole('option').first().waitFor()
    await look('commands', '.composer')
    await mary.say('/nothing')
    await page.locator('.composer-note').waitFor()
    await look('no command', '.composer')
    await mary.box.fill('')
    await menu('Room menu', 'Jump to date')
    await look('jump', 'dialog')
    await close()
    await mary.say('@Joe and @here: look')
    await page.locator('.message[data-no] .mention.me').waitFor()
    await look('names', '.timeline')
    await page.locator('.message[data-no]', { has: page.locator('.mention.me') }).hover()
    await page.locator('.message-actions').getByRole('button', { name: 'More' }).click()
    await page.getByRole('menuitem', { name: 'Delete' }).click()
    await page.locator('.toast-undo').hover()
    await look('deleting', '.toasts')
    await look('what is being deleted', '.message.going')
    await page.locator('.toast-undo').click()
    await mary.open('Empty')
    await look('empty room')
    await page.getByRole('button', { name: /^\d+ members?$/ }).click()
    await page.locator('.member').first().waitFor()
    await look('members', '.members')
    await page.getByRole('button', { name: 'Room menu' }).click()
    await page.getByRole('menu').waitFor()
    await look('menu', '[role=menu]')
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    await page.keyboard.press('Control+k')
    await page.getByRole('option').first().waitFor()
    await look('switcher', 'dialog')
    await close()
    await page.keyboard.press('Control+/')
    await look('keys', 'dialog')
    await close()
    for (const item of ['Create a room', 'Browse public rooms', 'New message']) {
      await menu('New room', new RegExp(`^${item}`))
      await look(item, 'dialog')
      await close()
    }
    await page.getByRole('button', { name: 'Emoji' }).click()
    await page.locator('.popover .search').waitFor()
    await page.locator('.popover button:visible').first().waitFor()
    await look('emoji', '.popover')
    await page.keyboard.press('Escape')
    await page.goto(`${wire.url}/#/r/nowhere`)
    await page.getByText('Room not found').waitFor()
    await look('no room')
    wire.cut()
    await page.reload()
    await page.locator('.connection').waitFor()
    await look('offline')
    wire.mend()
    await page.setViewportSize({ width: 390, height: 844 })
    await page.goto(`${wire.url}/#/r/general`)
    await page.reload()
    await mary.box.waitFor()
    await look('phone, room')
    await page.getByRole('button', { name: 'Back to the list' }).click()
    await page.locator('.sidebar').waitFor()
    await look('phone, list')
    await mary.context.close()
    assert.equal([...new Set(found)].join('\n'), '')
  })

  it('finds faults where there are some', async () => {
    const page = await browser.newPage()
    await page.setContent('<html><body><input><p style="color:#ccc;background:#fff">pale</p></body></html>')
    const found = (await axe(page)).join('\n')
    assert.match(found, /label/)
    assert.match(found, /color-contrast/)
    await page.close()
  })
})

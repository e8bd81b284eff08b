import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { axe, colours } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

describe('the pages for admins', { skip: missing() }, () => {
  let server, browser, pablo, page, joe
  const found = []
  before(async () => {
    server = await Server.start({ args: ['--max-sends=-1'] })
    browser = await launch()
    joe = await server.caller('Joe')
    await joe('POST', '/rooms', { name: 'Design', topic: 'How it looks' })
    await joe('POST', '/rooms', { name: 'Cellar', kind: 'private' })
    pablo = await Person.arrive(browser, server.url, { reducedMotion: 'reduce' })
    page = pablo.page
    await pablo.logIn('Pablo')
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  const open = async (name) => {
    await page.getByRole('navigation', { name: 'Administration' }).getByRole('link', { name }).click()
    await page.getByRole('heading', { level: 1, name }).waitFor()
  }
  const names = () => page.locator('.people .person-name bdi').allInnerTexts()
  /** Looks for faults, light and dark, on wide and small screens. */
  const look = async (screen) => {
    for (const [colorScheme, width] of [['light', 1280], ['dark', 1280], ['dark', 390], ['light', 390]]) {
      await page.setViewportSize({ width, height: 800 })
      await page.emulateMedia({ colorScheme })
      found.push(...(await axe(page, 'html', colorScheme === 'dark' ? colours : undefined)).map((f) => `${screen}, ${colorScheme}, ${width}: ${f}`))
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${screen} is wider than a window of ${width}`)
    }
    await page.setViewportSize({ width: 1280, height: 800 })
  }

  it('are opened from one’s own menu, and have an address', async () => {
    await page.getByRole('button', { name: /^Your account/ }).click()
    await page.getByRole('menuitem', { name: 'Administration' }).click()
    await page.getByRole('heading', { level: 1, name: 'People' }).waitFor()
    assert.match(page.url(), /#\/admin\/people$/)
    await until('everybody', async () => (await names()).join() === 'Alex,Joe,Mary,Pablo')
    await look('people')
    await page.reload()
    await page.getByRole('heading', { level: 1, name: 'People' }).waitFor()
    await page.goBack()
    await page.getByRole('heading', { level: 1, name: 'General' }).waitFor()
    await page.goForward()
    await page.getByRole('heading', { level: 1, name: 'People' }).waitFor()
  })

  it('find people, and put them in order', async () => {
    await page.getByRole('searchbox', { name: 'Find people' }).fill('ma')
    await until('Mary alone', async () => (await names()).join() === 'Mary')
    await page.getByText('1 person', { exact: true }).waitFor()
    await page.getByRole('searchbox', { name: 'Find people' }).fill('nobody is called so')
    await page.getByText('No one matches').waitFor()
    await page.getByRole('searchbox', { name: 'Find people' }).fill('')
    await page.getByRole('combobox', { name: 'Sort by' }).selectOption({ label: 'Role' })
    await until('the owner first', async () => (await names()).join() === 'Pablo,Alex,Joe,Mary')
    await page.getByRole('combobox', { name: 'Filter' }).selectOption({ label: 'Owners and admins' })
    await until('the owner alone', async () => (await names()).join() === 'Pablo')
    await page.getByRole('combobox', { name: 'Filter' }).selectOption({ label: 'Everyone' })
  })

  it('change a role, and shut somebody out', async () => {
    const alex = page.locator('.person', { hasText: 'Alex' })
    await alex.getByRole('button', { name: 'Manage Alex' }).click()
    await page.getByRole('menuitem', { name: 'Make admin…' }).click()
    await page.getByRole('button', { name: 'Change role' }).click()
    await alex.locator('.tag', { hasText: 'Admin' }).waitFor()
    await alex.getByRole('button', { name: 'Manage Alex' }).click()
    await page.getByRole('menuitem', { name: 'Deactivate account' }).click()
    const dialog = page.getByRole('dialog', { name: 'Deactivate Alex?' })
    await look('disable')
    await dialog.getByLabel('Reason').fill('out of the house')
    await dialog.getByRole('button', { name: 'Deactivate' }).click()
    await alex.getByText('Deactivated').waitFor()
    await alex.getByRole('button', { name: 'Manage Alex' }).click()
    await page.getByRole('menuitem', { name: 'Reactivate account' }).click()
    await alex.getByText('Deactivated').waitFor({ state: 'detached' })
  })

  it('show the rooms that there are, but not what is private', async () => {
    await open('Rooms')
    const list = page.locator('.admin-page .lines li')
    await list.filter({ hasText: 'Design' }).getByText(/not a member/).waitFor()
    await list.filter({ hasText: 'General' }).getByText(/4 members/).waitFor()
    assert.equal(await list.filter({ hasText: 'Cellar' }).count(), 0)
    await look('rooms')
    await page.getByRole('searchbox', { name: 'Filter rooms' }).fill('looks')
    await until('Design alone', async () => (await list.count()) === 1)
    await page.getByRole('button', { name: 'Join Design' }).click()
    await page.getByRole('heading', { level: 1, name: 'Design' }).waitFor()
    await page.goBack()
  })

  it('make invites, and withdraw them', async () => {
    await open('Invites')
    await page.getByText('No pending invites').waitFor()
    await page.locator('.admin-form select').first().selectOption({ label: 'Guest: only rooms they are added to' })
    await page.getByRole('button', { name: 'Create a link' }).click()
    assert.ok((await page.getByLabel('Invite link').inputValue()).startsWith(`${server.url}/#invite=`))
    await look('invites')
    await page.getByRole('button', { name: 'Revoke' }).click()
    await page.getByText('No pending invites').waitFor()
  })

  it('say what was done', async () => {
    await open('Audit log')
    const lines = page.locator('.audit-line')
    await lines.filter({ hasText: 'Pablo revoked an invite (Guest).' }).waitFor()
    await lines.filter({ hasText: 'Pablo changed Alex’s role from Member to Admin.' }).waitFor()
    await lines.filter({ hasText: 'Pablo reactivated Alex’s account.' }).waitFor()
    await lines.filter({ hasText: 'Pablo deactivated Alex’s account.' }).getByText('Reason: out of the house').waitFor()
    assert.match(await lines.first().innerText(), /revoked/, 'the newest is first')
    await look('audit')
    await page.getByRole('searchbox', { name: /^Filter/ }).fill('out of the house')
    await until('one line', async () => (await lines.count()) === 1)
    await page.getByRole('searchbox', { name: /^Filter/ }).fill('')
    await page.getByRole('combobox', { name: 'Room' }).selectOption({ label: 'Design' })
    await page.getByText('Nothing here yet').waitFor()
    for (let i = 0; i < 26; i++) {
      await joe('PATCH', `/rooms/${(await joe('GET', '/directory')).rooms.find((r) => r.name === 'Design').id}`, { topic: `Turn ${i}` })
      await joe('PATCH', `/rooms/${(await joe('GET', '/directory')).rooms.find((r) => r.name === 'Design').id}`, { topic: `Return ${i}` })
    }
    await page.getByRole('combobox', { name: 'Room' }).selectOption({ label: 'All rooms' })
    await page.getByRole('combobox', { name: 'Room' }).selectOption({ label: 'Design' })
    await lines.filter({ hasText: 'Joe changed Design: Topic.' }).first().waitFor()
    assert.equal(await lines.count(), 50)
    await page.getByRole('button', { name: 'Show older' }).click()
    await until('all of them', async () => (await lines.count()) === 52)
    assert.equal(await page.getByRole('button', { name: 'Show older' }).count(), 0)
  })

  it('say how the server is doing', async () => {
    const page = await pablo.context.newPage()
    await page.goto(`${server.url}/#/admin/status`)
    await page.getByRole('heading', { name: 'Background work' }).waitFor()
    await page.getByText('Up to date').first().waitFor()
    await page.getByText('No scheduled backups').waitFor()
    for (const [width, colorScheme] of [[390, 'dark'], [1440, 'light']]) {
      await page.setViewportSize({ width, height: 844 })
      await page.emulateMedia({ colorScheme })
      assert.deepEqual(await axe(page, 'main', colorScheme === 'dark' ? colours : undefined), [])
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/status-${width}-${colorScheme}.png` })
    }
    await page.close()
  })

  it('go on when the server could not answer', async () => {
    const broken = await pablo.context.newPage()
    let fails = true
    await broken.routeWebSocket(/\/api\/v1\/ws$/, (ws) => {
      const to = ws.connectToServer()
      ws.onMessage((data) => {
        const frame = JSON.parse(data)
        if (fails && frame.method === 'audit.list') ws.send(JSON.stringify({ jsonrpc: '2.0', id: frame.id, error: { code: -32603, message: 'something is broken', data: { code: 'internal' } } }))
        else to.send(data)
      })
    })
    await broken.goto(`${server.url}/#/admin/audit`)
    const alert = broken.getByRole('alert').filter({ hasText: 'Try again' })
    await alert.waitFor()
    fails = false
    await alert.getByRole('button', { name: 'Try again' }).click()
    await broken.locator('.audit-line').first().waitFor()
    await broken.close()
  })

  it('hold thousands of people', async () => {
    const many = await pablo.context.newPage()
    await many.routeWebSocket(/\/api\/v1\/ws$/, (ws) => {
      const to = ws.connectToServer()
      const asked = new Set()
      ws.onMessage((data) => {
        const frame = JSON.parse(data)
        if (frame.method === 'user.list') asked.add(frame.id)
        to.send(data)
      })
      to.onMessage((data) => {
        const frame = JSON.parse(data)
        if (!asked.has(frame.id)) return ws.send(data)
        for (let i = 1; i <= 5_000; i++) frame.result.users.push({ id: `u${i}`, name: `Person ${String(i).padStart(4, '0')}`, role: 'member', created_at: '2026-01-01T00:00:00Z' })
        ws.send(JSON.stringify(frame))
      })
    })
    await many.goto(`${server.url}/#/admin/people`)
    await many.getByText('5,004 people').waitFor()
    assert.ok((await many.locator('.person').count()) < 80)
    await many.locator('.admin-box').evaluate((el) => (el.scrollTop = el.scrollHeight))
    await many.locator('.person', { hasText: 'Person 5000' }).waitFor()
    assert.ok((await many.locator('.person').count()) < 80)
    await many.getByRole('searchbox', { name: 'Find people' }).fill('4711')
    await until('one of them', async () => (await many.locator('.person').count()) === 1)
    await many.close()
  })

  it('are not for others', async () => {
    const mary = await Person.arrive(browser, server.url)
    await mary.logIn('Mary')
    await mary.page.goto(`${server.url}/#/admin/audit`)
    await mary.page.getByText('These pages are for admins and owners.').waitFor()
    await mary.page.getByRole('button', { name: 'Back to the chat' }).click()
    await mary.box.waitFor()
    assert.deepEqual(mary.faults, [])
  })

  it('broke nothing', () => {
    assert.deepEqual([...new Set(found)], [])
    assert.deepEqual(pablo.faults, [])
  })
})

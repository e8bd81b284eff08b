import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { overlaps } from './lib/overlap.mjs'
import { Newer } from './lib/newer.mjs'
import { Wire } from './lib/proxy.mjs'
import { Server, until } from './lib/server.mjs'

/** Everything that the browser keeps of this site for when there is no connection. */
const kept = (page) =>
  page.evaluate(async () => {
    const names = await caches.keys()
    const paths = []
    for (const name of names) for (const req of await (await caches.open(name)).keys()) paths.push(new URL(req.url).pathname)
    const db = await new Promise((done, fail) => {
      const req = indexedDB.open('parley', 1)
      req.onupgradeneeded = () => req.result.createObjectStore('kept')
      req.onsuccess = () => done(req.result)
      req.onerror = () => fail(req.error)
    })
    const chat = await new Promise((done) => {
      const req = db.transaction('kept').objectStore('kept').get('chat')
      req.onsuccess = () => done(req.result ?? null)
    })
    db.close()
    return { names, paths, chat }
  })

const texts = (chat, room) => (chat?.chat.timelines[room]?.messages ?? []).map((m) => m.text)

describe('without a connection', { skip: missing() }, () => {
  let server, wire, browser
  before(async () => {
    server = await Server.start()
    wire = await Wire.to(server)
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await wire?.close()
    await server?.stop()
  })

  it('one reads what was there, also after a reload, and what one writes is sent later', async () => {
    const mary = await (await Person.arrive(browser, wire.url, { serviceWorkers: 'allow' })).logIn('Mary')
    const { page } = mary
    await mary.say('to be read again')
    await mary.sees('to be read again')
    await page.evaluate(() => navigator.serviceWorker.ready)
    await until('the chat to be kept', async () => texts((await kept(page)).chat, 'general').includes('to be read again'))
    const { paths } = await kept(page)
    assert.ok(paths.includes('/') && [/^\/assets\/app-[\w-]+\.js$/, /^\/assets\/app-[\w-]+\.css$/, /^\/assets\/Shell-/].every((p) => paths.some((at) => p.test(at))), `${paths}`)
    assert.deepEqual(paths.filter((p) => p.startsWith('/api') || p === '/version.txt' || p === '/sw.js'), [])

    wire.cut()
    await page.reload()
    await mary.sees('to be read again')
    await page.locator('.connection').waitFor()
    assert.ok((await page.locator('.room-item').count()) > 1)
    assert.deepEqual(await overlaps(page), [])
    await mary.say('written in the tunnel')
    await page.locator('.message[data-state=pending]', { hasText: 'written in the tunnel' }).waitFor()
    // A room that was never opened says so; it does not load for ever.
    await mary.open('Alex')
    await page.getByText('This room isn’t available offline').waitFor()
    await page.reload()
    await mary.open('General')
    await page.locator('.message[data-state=pending]', { hasText: 'written in the tunnel' }).waitFor()

    const joe = await server.caller('Joe')
    await joe('POST', '/rooms/general/messages', { text: 'meanwhile' })
    wire.mend()
    await mary.sees('written in the tunnel')
    await page.locator('.connection').waitFor({ state: 'detached' })
    await until('both, in the order of the room', async () => {
      const all = (await mary.texts()).slice(-3)
      return JSON.stringify(all) === JSON.stringify(['to be read again', 'meanwhile', 'written in the tunnel'])
    })
    const { messages } = await joe('GET', '/rooms/general/messages?limit=50')
    assert.equal(messages.filter((m) => m.text === 'written in the tunnel').length, 1)
    assert.deepEqual(mary.faults, [])
    await mary.context.close()
  })

  it('nobody reads it after log-out, nor after the session was ended elsewhere', async () => {
    const mary = await (await Person.arrive(browser, wire.url, { serviceWorkers: 'allow' })).logIn('Mary')
    const { page } = mary
    const there = () => until('the chat to be kept', async () => (await kept(page)).chat !== null)
    const gone = () => until('nothing to be kept', async () => (await kept(page)).chat === null)
    await there()
    await page.getByRole('button', { name: /^Your account/ }).click()
    await page.getByRole('menuitem', { name: 'Log out' }).click()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await gone()
    wire.cut()
    await page.reload()
    await page.getByRole('heading', { name: 'Can’t reach the server' }).waitFor()
    wire.mend()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await mary.logIn('Mary')
    await there()
    await page.goto('about:blank')
    const elsewhere = await server.caller('Mary')
    const { sessions } = await elsewhere('GET', '/sessions')
    for (const s of sessions) if (!s.current) await elsewhere('DELETE', `/sessions/${s.id}`).catch(() => {})
    await page.goto(wire.url)
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await gone()
    assert.deepEqual(mary.faults, [])
    await mary.context.close()
  })

  it('a newer client is announced, and a reload has it', async () => {
    const newer = await Newer.before(server.port)
    const mary = await Person.arrive(browser, newer.url, { serviceWorkers: 'allow' })
    const { page } = mary
    const version = () => page.locator('meta[name=version]').getAttribute('content')
    try {
      await mary.logIn('Mary')
      const first = await version()
      assert.match(first, /^[0-9a-f]{16}$/)
      await page.evaluate(() => navigator.serviceWorker.ready)
      await until('the shell to be kept', async () => (await kept(page)).names.includes(`shell-${first}`))
      assert.equal(await page.getByText('A new version is available.').count(), 0)
      await mary.box.fill('half a thought')
      newer.update()
      await page.getByText('A new version is available.').waitFor({ timeout: 30_000 })
      await page.getByRole('button', { name: 'Reload' }).click()
      await until('the newer one', async () => (await version().catch(() => null)) === newer.version)
      await mary.box.waitFor()
      assert.equal(await mary.box.inputValue(), 'half a thought')
      await until('the newer shell to be kept', async () => (await kept(page)).names.includes(`shell-${newer.version}`))
      assert.equal(await page.getByText('A new version is available.').count(), 0)
      assert.deepEqual(mary.faults, [])
    } finally {
      await mary.context.close()
      await newer.close()
    }
  })
})

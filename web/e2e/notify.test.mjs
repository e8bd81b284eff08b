import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { hide, shown, told } from './lib/notices.mjs'
import { Server, until } from './lib/server.mjs'

describe('notifications', { skip: missing() }, () => {
  let server, browser, mary, joe
  before(async () => {
    server = await Server.start()
    browser = await launch()
    joe = await server.caller('Joe')
    mary = await Person.arrive(browser, server.url, { permissions: ['notifications'], serviceWorkers: 'allow' })
    await mary.logIn('Mary')
    await mary.page.evaluate(() => navigator.serviceWorker.ready)
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  it('are off until one asks for them', async () => {
    const { page } = mary
    const item = page.locator('.room-item', { has: page.locator('.room-title', { hasText: /^Joe$/ }) })
    await hide(page, true)
    mary.direct = (await joe('POST', '/direct', { user: (await server.caller('Mary')).user.id })).id
    await joe('POST', `/rooms/${mary.direct}/messages`, { text: 'not told' })
    await item.locator('.badge').waitFor()
    await until('the title', async () => /^\(\d+\) /.test(await page.title()))
    assert.deepEqual(await shown(page), [])
    await hide(page, false)
    await page.getByRole('button', { name: /^Your account/ }).click()
    await page.getByRole('menuitem', { name: 'Settings' }).click()
    await page.getByRole('link', { name: 'Notifications' }).click()
    await page.getByRole('checkbox', { name: 'Notify me about direct messages and mentions' }).check()
    await page.getByRole('button', { name: 'Back to the chat' }).click()
  })

  it('tell of direct messages and mentions while the page is hidden, and of nothing else', async () => {
    const { page } = mary
    await hide(page, true)
    await joe('POST', '/rooms/general/messages', { text: 'nobody in particular' })
    await joe('POST', '/rooms/general/messages', { text: 'Mary without a sign' })
    await joe('POST', '/rooms/general/messages', { text: 'ask **@Mary** about it' })
    await joe('POST', `/rooms/${mary.direct}/messages`, { text: 'are *you* there?' })
    const list = await told(page, 'ask @Mary about it', 'are you there?')
    assert.equal(list.length, 2)
    const [named, direct] = list.sort((a) => (a.tag === 'general' ? -1 : 1))
    assert.deepEqual([named.title, named.body], ['Joe · General', 'ask @Mary about it'])
    assert.deepEqual([direct.title, direct.body, direct.tag], ['Joe', 'are you there?', mary.direct])
  })

  it('open the room when clicked', async () => {
    const { page } = mary
    const [worker] = mary.context.serviceWorkers()
    await worker.evaluate(async (tag) => {
      const [notification] = await self.registration.getNotifications({ tag })
      self.dispatchEvent(new NotificationEvent('notificationclick', { notification }))
    }, mary.direct)
    await page.getByRole('heading', { level: 1, name: 'Joe' }).waitFor()
    await hide(page, false)
    await until('the notices to go with the look', async () => (await shown(page)).length === 0)
    await mary.sees('are you there?')
  })

  it('say nothing while one looks', async () => {
    const { page } = mary
    await joe('POST', `/rooms/${mary.direct}/messages`, { text: 'seen at once' })
    await mary.sees('seen at once')
    assert.deepEqual(await shown(page), [])
    assert.deepEqual(mary.faults, [])
  })
})

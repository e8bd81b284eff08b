import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { axe } from './lib/axe.mjs'
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

  it('arrive as a push while no page shows them, and open their room', async () => {
    const { page, context } = mary
    const cdp = await context.newCDPSession(page)
    const registered = new Promise((resolve) => cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => registrations[0] && resolve(registrations[0])))
    await cdp.send('ServiceWorker.enable')
    const { registrationId } = await registered
    const push = (data) => cdp.send('ServiceWorker.deliverPushMessage', { origin: new URL(server.url).origin, registrationId, data: JSON.stringify(data) })
    const [worker] = context.serviceWorkers()
    await worker.evaluate(() => {
      const show = self.registration.showNotification.bind(self.registration)
      self.pushed = []
      self.registration.showNotification = async (title, options) => {
        await show(title, options)
        self.pushed.push([title, options.body, options.tag])
      }
    })
    const pushed = (n) => until(`${n} notices`, async () => (await worker.evaluate(() => self.pushed)).length === n)
    await push({ room: 'general', no: 3, from: 'Joe', place: 'General', text: 'in the pocket' })
    await pushed(1)
    await push({ room: mary.direct, no: 9, from: 'Joe' })
    await pushed(2)
    assert.deepEqual(await worker.evaluate(() => self.pushed), [['Joe · General', 'in the pocket', 'general'], ['A message from Joe', undefined, mary.direct]])
    await worker.evaluate(async () => {
      const [notification] = await self.registration.getNotifications({ tag: 'general' })
      self.dispatchEvent(new NotificationEvent('notificationclick', { notification }))
    })
    await page.getByRole('heading', { level: 1, name: 'General' }).waitFor()
    await cdp.detach()
  })

  it('are turned on for a device, tested and turned off in the settings', async () => {
    const { page } = mary
    // The browser of a test has no push service.
    await page.evaluate(async () => {
      const pair = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits'])
      const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
      const keys = { p256dh: text(await crypto.subtle.exportKey('raw', pair.publicKey)), auth: text(new Uint8Array(16)) }
      let now = null
      PushManager.prototype.getSubscription = async () => now
      PushManager.prototype.subscribe = async ({ applicationServerKey: key }) => {
        const raw = Uint8Array.from(atob(key.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
        return (now = { options: { applicationServerKey: raw.buffer }, toJSON: () => ({ endpoint: 'https://127.0.0.1:1/device', keys }), unsubscribe: async () => !(now = null) })
      }
    })
    await page.evaluate(() => (location.hash = '#/settings/notifications'))
    const here = page.getByRole('checkbox', { name: 'Notify this device' })
    await here.click() // on once the server knows the device
    const device = page.getByRole('list', { name: 'Devices with push notifications' }).getByRole('listitem')
    await device.getByText('Current').waitFor()
    await device.getByRole('button', { name: 'Send test' }).click()
    await page.getByText("The test could not be sent: the push service's name is not known, or its address is private").waitFor()
    await page.getByRole('checkbox', { name: 'Hide message text' }).check()
    await page.getByRole('button', { name: 'Back to the chat' }).click()
    await joe('POST', '/rooms/general/messages', { text: '**@Mary** why?' })
    const message = page.locator('main .message[data-no]', { hasText: '@Mary why?' })
    await message.hover()
    await message.getByRole('button', { name: 'More' }).click()
    await page.getByRole('menuitem', { name: 'Notification details' }).click()
    const why = page.getByRole('dialog', { name: 'Notification details' })
    await why.getByText('This notifies you: it mentions you').waitFor()
    await why.getByRole('listitem').getByText('Current').waitFor()
    await why.getByRole('button', { name: 'Notification settings' }).click()
    await device.getByRole('button', { name: 'Turn off' }).click()
    await device.waitFor({ state: 'detached' })
    assert.equal(await here.isChecked(), false)
    assert.deepEqual(mary.faults, [])
  })

  it('are offered once, when there was something to tell of', async () => {
    const alex = await Person.arrive(browser, server.url)
    const { page } = alex
    await page.addInitScript(() => {
      let permission = 'default'
      Object.defineProperty(Notification, 'permission', { get: () => permission })
      Notification.requestPermission = async () => (permission = 'granted')
      if ('PushManager' in window) delete window.PushManager // the browser of a test has no push service
    })
    await alex.logIn('Alex')
    const offer = page.getByText('Get notified of direct messages and mentions?')
    await joe('POST', '/rooms/general/messages', { text: 'nothing to tell of' })
    await alex.sees('nothing to tell of')
    assert.equal(await offer.count(), 0)
    const direct = await joe('POST', '/direct', { user: (await server.caller('Alex')).user.id })
    await joe('POST', `/rooms/${direct.id}/messages`, { text: 'hello Alex' })
    await offer.waitFor()
    for (const width of [390, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/ask-${width}.png` })
      assert.deepEqual(await axe(page, 'main'), [])
    }
    await page.getByRole('button', { name: 'Turn on' }).click()
    await page.getByText('Notifications are on in this browser').waitFor()
    await offer.waitFor({ state: 'detached' })
    await page.reload()
    await joe('POST', `/rooms/${direct.id}/messages`, { text: 'hello again' })
    await page.locator('.room-item .badge').first().waitFor()
    assert.equal(await offer.count(), 0)
    assert.deepEqual(alex.faults, [])
    await alex.context.close()
  })
})

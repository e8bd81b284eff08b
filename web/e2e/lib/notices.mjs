// What a page shows as notifications of the system.

import { until } from './process.mjs'

/** The page is, or is no longer, behind another one. */
export const hide = (page, hidden) =>
  page.evaluate((state) => {
    if (!window.told) {
      window.told = []
      const show = ServiceWorkerRegistration.prototype.showNotification
      ServiceWorkerRegistration.prototype.showNotification = async function (title, options) {
        await show.call(this, title, options)
        window.told.push(options.body)
      }
    }
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state })
    document.dispatchEvent(new Event('visibilitychange'))
  }, hidden ? 'hidden' : 'visible')

/** The notices that are there. */
export const shown = (page) =>
  page.evaluate(async () => {
    const list = await (await navigator.serviceWorker.ready).getNotifications()
    return list.map(({ title, body, tag, data }) => ({ title, body, tag, data }))
  })

/**
 * Waits until hidden pages have shown these texts, and returns the notices that are there then. To ask Chromium for them
 * again and again does not do: it loses one that is asked for while it is being shown.
 */
export async function told(page, ...texts) {
  await until(`the notices ${texts.join(', ')}`, () => page.evaluate((all) => all.every((text) => window.told.includes(text)), texts))
  return shown(page)
}

// Web Push: this browser is notified while no page is open. The device belongs
// to the log-in; sw.js shows what arrives.

import { t } from '../i18n'
import { base, keptOf } from '../protocol/base'
import { call } from '../store/actions'
import { setNotify, sound } from './notify'

const chosen = (user: string) => `parley:push:${keptOf(user)}`

/** Whether this browser can be notified while no page is open. */
export const pushPossible = (): boolean => window.isSecureContext && 'PushManager' in window && 'serviceWorker' in navigator

/** On iOS only a page on the home screen can. */
export const needsInstalling = (): boolean => !('PushManager' in window) && /iPhone|iPad/.test(navigator.userAgent)

/** Turns push on in this browser: asks the browser's question, so only to be called from a person's click. False where the person or the browser does not want it. */
export async function subscribe(user: string, key: string): Promise<boolean> {
  if ((await setNotify(true)) !== 'on') return false
  await send(key)
  localStorage.setItem(chosen(user), 'on')
  return true
}

/** Turns push off for a device; here, the browser forgets its subscription, too. */
export async function unsubscribe(user: string, device: string, here: boolean): Promise<void> {
  await call('push.unsubscribe', { device })
  if (!here) return
  localStorage.removeItem(chosen(user))
  await (await (await navigator.serviceWorker.getRegistration())?.pushManager.getSubscription())?.unsubscribe()
}

/** Tells the server of this browser again, where its person has turned push on: they may have a new log-in, and the browser another subscription. */
export async function keepPush(user: string): Promise<void> {
  if (!pushPossible() || Notification.permission !== 'granted' || localStorage.getItem(chosen(user)) !== 'on') return
  const { key } = await call('push.get', {})
  if (key) await send(key)
}

async function send(key: string): Promise<void> {
  const worker = await navigator.serviceWorker.getRegistration()
  if (!worker) throw new Error('there is no service worker')
  await keepTexts()
  let now = await worker.pushManager.getSubscription()
  if (now && base64url(now.options.applicationServerKey) !== key) {
    await now.unsubscribe() // of another server, or of this one before its data was lost
    now = null
  }
  now ??= await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
  const { endpoint, keys } = now.toJSON()
  await call('push.subscribe', { endpoint: endpoint!, p256dh: keys!.p256dh!, auth: keys!.auth! })
}

const base64url = (bytes: ArrayBuffer | null): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes ?? new ArrayBuffer(0))))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '')

/** Leaves what sw.js needs while no page is open: the texts in this language, and whether to make a sound. */
export async function keepTexts(): Promise<void> {
  const cache = await caches.open(`push:${base}`)
  await cache.put(`${base}push-texts`, Response.json({ message: t('push.message', { name: '%s' }), works: t('push.works'), silent: !sound() }))
}

// Whether the server has a newer client than this page.

import { at } from '../protocol/base'
import { useApp } from '../store/store'

const own = document.querySelector<HTMLMetaElement>('meta[name="version"]')?.content ?? ''

/** Keeps the client for when there is no connection, and lets notifications be shown. Only where the page is secure. */
export function registerWorker(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return
  navigator.serviceWorker.register(at('/sw.js')).catch(() => {}) // private windows and odd proxies: all works without
}

/** Asks the server which client it has; a page that is older is told so. */
export async function askForNewer(): Promise<void> {
  if (!import.meta.env.PROD || own === '' || useApp.getState().newer) return
  try {
    const res = await fetch(at('/version.txt'), { cache: 'no-store' })
    const version = (await res.text()).trim()
    if (!res.ok || !/^[0-9a-f]{16}$/.test(version) || version === own) return
    useApp.setState({ newer: true })
    await (await navigator.serviceWorker?.getRegistration())?.update()
  } catch {
    // Asked again with the next connection.
  }
}

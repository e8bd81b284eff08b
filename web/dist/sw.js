// Opens the client where there is no connection, and shows notifications. What is served comes from the server whenever
// it answers: the kept copy is only for when it does not. So nobody runs old code because of this worker.

const version = 'a223dc4d91b41982' // scripts/stamp.mjs writes what was built
const shell = ["assets/Admin-Dw8CUBQe.js","assets/CatchUp-Czw8sMdv.js","assets/Directory-DKsZe-jR.js","assets/Enrol-DfzuqmPj.js","assets/FilesPane-Bmu2Don2.js","assets/Frame-ChGRBvyZ.js","assets/InviteForm-BnW8oUvN.js","assets/Media-uJwFxeZg.js","assets/More-C5R1OtGn.js","assets/NewFactor-K_3Xn5KY.js","assets/Nothing-C6JK7_5X.js","assets/Once-CsWZ13GH.js","assets/PersonList-BCIdFNIZ.js","assets/Picker-Dz04NUeI.js","assets/QRCode-lI6iVO3R.js","assets/Recorder-BejPahZK.js","assets/Rename-Bg519_Un.js","assets/Reports-IR7ec4mP.js","assets/Sessions-CLmdlV_k.js","assets/Settings-hymW24pK.js","assets/Shell-B1bW-TVo.js","assets/Switch-Bq8CHQaT.js","assets/Tabs-DxuvjOvO.js","assets/app-BmTIPAjK.js","assets/app-Ccts_o5p.css","assets/at-sign-D-Wc7ijX.js","assets/choices-IAbNQd3l.js","assets/copy-Dns1EuKS.js","assets/createLucideIcon-ChZM0HJx.js","assets/face-slightly-smiling-plus-QJbRoLlT.js","assets/jsx-runtime-LKYXHABd.js","assets/languages-Cl88eGoh.js","assets/localTime-DPY07buZ.js","assets/rolldown-runtime-XKyaHtl9.js","assets/theme-8fe76332.js","assets/tone-Bl3KYp0O.js","icon-192.png","icon-512.png","icon-maskable-512.png","icon-touch-180.png","icon.svg","./","manifest.webmanifest"]
const root = new URL('./', location.href).pathname // the server may be below a path
const family = root === '/' ? 'shell-' : `shell:${root}:`
const mine = family + version

self.addEventListener('install', (e) => {
  // What has a hash in its name is taken from where the page has just put it.
  const fresh = shell.map((url) => new Request(url, { cache: url.startsWith('assets/') ? 'default' : 'reload' }))
  e.waitUntil(caches.open(mine).then((c) => c.addAll(fresh)).then(() => self.skipWaiting()))
})

self.addEventListener('activate', (e) => {
  e.waitUntil(
    (async () => {
      // The version before this one stays: open pages may still ask for a part of it that the server has no more.
      const others = (await caches.keys()).filter((k) => k.startsWith(family) && k !== mine)
      await Promise.all(others.slice(0, -1).map((k) => caches.delete(k)))
      await self.clients.claim()
    })(),
  )
})

self.addEventListener('fetch', (e) => {
  const { request } = e
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== location.origin) return
  const name = url.pathname.startsWith(root) ? url.pathname.slice(root.length) : '/'
  const page = request.mode === 'navigate' && name === ''
  const part = /^(assets\/)?[\w.-]+\.(js|css|json|svg|png|webmanifest)$/.test(name)
  if (page || part) e.respondWith(serve(request, name))
})

async function serve(request, name) {
  const path = root + name
  let answer
  try {
    answer = await fetch(request)
    if (answer.type === 'opaqueredirect') return answer // to a page for logging in
    if (answer.ok) {
      // Emoji and other languages are not in the shell: they are kept once they have been asked for.
      if (/^(emoji-|assets\/texts-)/.test(name)) (await caches.open(mine)).put(path, answer.clone())
      return answer
    }
  } catch {
    // No connection.
  }
  const kept = (await (await caches.open(mine)).match(path)) ?? (await caches.match(path))
  return kept ?? answer ?? Response.error()
}

// What a push says: docs/protocol.md. A newer notice of the same room takes the place of one that is shown.
self.addEventListener('push', (e) => e.waitUntil(tell(e)))

async function tell(e) {
  const { test, room, no, from, place, text } = e.data?.json() ?? {}
  const texts = { message: 'A message from %s', works: 'Notifications work on this device', silent: false, ...(await keptTexts()) }
  const options = { icon: `${root}icon-192.png`, silent: texts.silent }
  if (test) return self.registration.showNotification(texts.works, { ...options, tag: 'test' })
  const title = text || place ? [from, place].filter(Boolean).join(' · ') : texts.message.replace('%s', () => from)
  await self.registration.showNotification(title, { ...options, body: text, tag: room, data: { room, no } })
  await self.navigator.setAppBadge?.((await self.registration.getNotifications()).length)
}

/** What the page has left for when it is closed. */
async function keptTexts() {
  try {
    return await (await caches.match(`${root}push-texts`, { cacheName: `push:${root}` }))?.json()
  } catch {
    return {}
  }
}

self.addEventListener('notificationclick', (e) => {
  e.notification.close()
  const { room, no } = e.notification.data ?? {}
  e.waitUntil(
    (async () => {
      const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
      const open = windows.find((w) => new URL(w.url).pathname === root)
      if (!open) return void (await self.clients.openWindow(root + (room ? `#/r/${encodeURIComponent(room)}${/^t-/.test(room) ? `/${no}` : ''}` : '')))
      if (room) open.postMessage({ kind: 'open-room', room, no })
      await open.focus().catch(() => {}) // some systems do not let us
    })(),
  )
})

// Opens the client where there is no connection, and shows notifications. What is served comes from the server whenever
// it answers: the kept copy is only for when it does not. So nobody runs old code because of this worker.

const version = '047f33a5440ad959' // scripts/stamp.mjs writes what was built
const shell = ["assets/Admin-DTxZNBuf.js","assets/CatchUp-f7-iRm0w.js","assets/Directory-DH_I2rRP.js","assets/FilesPane-pU9DD7VK.js","assets/Frame-DCDcZVU8.js","assets/InviteForm-BHLR1dNL.js","assets/Media-D879DEEJ.js","assets/More-Lpvthz72.js","assets/Nothing-BE_CNo0t.js","assets/PersonList-XjKPr3hY.js","assets/Picker-CIWXbB6p.js","assets/QRCode-BAuCzoEa.js","assets/Recorder-C1bFnC-O.js","assets/Rename-IWCiGhZH.js","assets/Settings-DpWPlsiH.js","assets/Shell-DHPPDjsV.js","assets/Switch-F6wHZjIZ.js","assets/Tabs-HCBWy_5F.js","assets/app-D4efCPr0.js","assets/app-K5eCP8bV.css","assets/at-sign-DHc0ZNyG.js","assets/choices-C4jb2AS8.js","assets/copy-A6tM_x4m.js","assets/face-slightly-smiling-plus-BepW9rwe.js","assets/languages-Cl88eGoh.js","assets/localTime-j_KD1oep.js","assets/rolldown-runtime-XKyaHtl9.js","assets/theme-8fe76332.js","assets/tone-Bl3KYp0O.js","assets/useMayAddEmoji-Ccpkdn2q.js","icon-192.png","icon-512.png","icon-maskable-512.png","icon-touch-180.png","icon.svg","./","manifest.webmanifest"]
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

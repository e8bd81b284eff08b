// Opens the client where there is no connection, and shows notifications. What is served comes from the server whenever
// it answers: the kept copy is only for when it does not. So nobody runs old code because of this worker.

const version = 'bb523af55f8a4cb4' // scripts/stamp.mjs writes what was built
const shell = ["assets/Admin-fnObtBBs.js","assets/CatchUp-CP5WhHpt.js","assets/Directory-BfSDdXX8.js","assets/FilesPane-CJju6i1z.js","assets/Frame-BvjObSe4.js","assets/InviteForm-2NJQWA48.js","assets/Media-Dw18_ZB8.js","assets/More-sgu3QhCX.js","assets/Nothing-BsIzE1FG.js","assets/PersonList-DyKQ8eV6.js","assets/Picker-DFoAXbXy.js","assets/QRCode-B5osG6vI.js","assets/Recorder-CVNh-6H0.js","assets/Rename-BWv02rK6.js","assets/Settings-Byj6wnmT.js","assets/Shell-C63ptqgH.js","assets/Switch-XJ7Wgmek.js","assets/Tabs-Bv4B2zg2.js","assets/app-BPtT7OEf.css","assets/app-BhZlLRxJ.js","assets/at-sign-unxDd-4K.js","assets/choices-BNz--GoC.js","assets/copy-A6tM_x4m.js","assets/languages-Cl88eGoh.js","assets/localTime-s-ucnuQ-.js","assets/rolldown-runtime-XKyaHtl9.js","assets/theme-8fe76332.js","assets/tone-Bl3KYp0O.js","assets/uploads-DiI0NhWO.js","icon-192.png","icon-512.png","icon-maskable-512.png","icon-touch-180.png","icon.svg","./","manifest.webmanifest"]
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

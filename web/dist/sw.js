// Opens the client where there is no connection, and shows notifications. What is served comes from the server whenever
// it answers: the kept copy is only for when it does not. So nobody runs old code because of this worker.

const version = 'fe90eeae4129b9e4' // scripts/stamp.mjs writes what was built
const shell = ["assets/Admin-BR7PMk94.js","assets/CatchUp-DN6_2fbO.js","assets/Directory-CuxoIrRe.js","assets/FilesPane-KTcvZMKn.js","assets/Frame-DlYwpyMo.js","assets/InviteForm-DopZKPPe.js","assets/Media-DH6XeQRA.js","assets/More-DnmdXNgR.js","assets/Nothing-esPtJ2Kg.js","assets/PersonList-DkUn42zW.js","assets/Picker-z6CHAKqJ.js","assets/QRCode-CsBxmVwB.js","assets/Recorder-D1xsjZbw.js","assets/Rename-aWw-D0qY.js","assets/Settings-hkjBom64.js","assets/Shell-D9pf0QRV.js","assets/Switch-48OKe-Mj.js","assets/Tabs-D9rDdWHY.js","assets/app-CerHEgW_.js","assets/app-K5eCP8bV.css","assets/at-sign-CmBXjfKx.js","assets/choices-BEmxpbd5.js","assets/copy-A6tM_x4m.js","assets/face-slightly-smiling-plus-Bbl73y-W.js","assets/languages-Cl88eGoh.js","assets/localTime-CKNqhC89.js","assets/rolldown-runtime-XKyaHtl9.js","assets/theme-8fe76332.js","assets/tone-Bl3KYp0O.js","assets/useMayAddEmoji-DDo3S8Eu.js","icon-192.png","icon-512.png","icon-maskable-512.png","icon-touch-180.png","icon.svg","./","manifest.webmanifest"]
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

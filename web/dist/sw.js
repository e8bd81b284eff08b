// Opens the client where there is no connection, and shows notifications. What is served comes from the server whenever
// it answers: the kept copy is only for when it does not. So nobody runs old code because of this worker.

const version = '549a48173f5cdea5' // scripts/stamp.mjs writes what was built
const shell = ["/Picker-DijOJHaC.js","/app.css","/app.js","/icon-192.png","/icon-512.png","/icon-maskable-512.png","/icon-touch-180.png","/icon.svg","/","/manifest.webmanifest","/theme.js"]
const mine = `shell-${version}`

self.addEventListener('install', (e) => {
  const fresh = shell.map((url) => new Request(url, { cache: 'reload' }))
  e.waitUntil(caches.open(mine).then((c) => c.addAll(fresh)).then(() => self.skipWaiting()))
})

self.addEventListener('activate', (e) => {
  e.waitUntil(
    (async () => {
      // The version before this one stays: open pages may still ask for a part of it that the server has no more.
      const others = (await caches.keys()).filter((k) => k.startsWith('shell-') && k !== mine)
      await Promise.all(others.slice(0, -1).map((k) => caches.delete(k)))
      await self.clients.claim()
    })(),
  )
})

self.addEventListener('fetch', (e) => {
  const { request } = e
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== location.origin) return
  const page = request.mode === 'navigate' && url.pathname === '/'
  const part = /^\/[\w.-]+\.(js|css|json|svg|png|webmanifest)$/.test(url.pathname)
  if (page || part) e.respondWith(serve(request, page ? '/' : url.pathname))
})

async function serve(request, path) {
  let answer
  try {
    answer = await fetch(request)
    if (answer.ok) {
      // The emoji are not in the shell: they are kept once they have been asked for.
      if (/^\/emoji-/.test(path)) (await caches.open(mine)).put(path, answer.clone())
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
  const { room } = e.notification.data ?? {}
  e.waitUntil(
    (async () => {
      const [open] = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
      if (!open) return void (await self.clients.openWindow(room ? `/#/r/${encodeURIComponent(room)}` : '/'))
      if (room) open.postMessage({ kind: 'open-room', room })
      await open.focus().catch(() => {}) // some systems do not let us
    })(),
  )
})

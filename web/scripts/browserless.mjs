// For tests that need no document: what modules of the client read of a browser when they are loaded.

if (typeof document === 'undefined') {
  const items = new Map()
  const page = new EventTarget()
  const given = {
    window: globalThis,
    document: Object.assign(new EventTarget(), { documentElement: {}, querySelector: () => null }),
    location: new URL('http://localhost:3000/'),
    navigator: { languages: ['en-US', 'en'], onLine: true },
    localStorage: {
      getItem: (key) => items.get(key) ?? null,
      setItem: (key, value) => void items.set(key, String(value)),
      removeItem: (key) => void items.delete(key),
      clear: () => items.clear(),
    },
    addEventListener: page.addEventListener.bind(page),
    removeEventListener: page.removeEventListener.bind(page),
    dispatchEvent: page.dispatchEvent.bind(page),
  }
  for (const [name, value] of Object.entries(given)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
}

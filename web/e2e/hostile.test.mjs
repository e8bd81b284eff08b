import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server } from './lib/server.mjs'

const attacks = [
  '<script>window.pwned = 1; alert(1)</script>',
  '<img src=x onerror="window.pwned = 1; alert(1)">',
  '<svg onload="window.pwned = 1"><script>window.pwned = 1</script></svg>',
  '<svg><style><img src=x onerror=window.pwned=1></style></svg>',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror=window.pwned=1&gt;">',
  '<iframe srcdoc="<script>parent.pwned = 1</script>"></iframe>',
  '<form action="javascript:window.pwned=1"><button autofocus onfocus=window.pwned=1>x</button></form>',
  '<details open ontoggle="window.pwned = 1">x</details>',
  '<style>* { display: none !important }</style>',
  '<base href="https://evil.example/">',
  '<meta http-equiv="refresh" content="0;url=https://evil.example/">',
  '[click](javascript:window.pwned=1)',
  '[click](JaVaScRiPt:window.pwned=1)',
  '[click](&#106;avascript:window.pwned=1)',
  '[click](java\tscript:window.pwned=1)',
  '[click](data:text/html,<script>window.pwned=1</script>)',
  '[click](vbscript:window.pwned=1)',
  '<javascript:window.pwned=1>',
  '[a]: javascript:window.pwned=1\n\n[a]',
  '![x](https://evil.example/pixel.png)',
  '![x](x" onerror="window.pwned=1)',
  '[x](https://evil.example/" onmouseover="window.pwned=1)',
  '[x](https://evil.example "t\\" onmouseover=window.pwned=1 x=\\"")',
  'https://evil.example/"onmouseover="window.pwned=1"',
  '```"><img src=x onerror=window.pwned=1>\n</code></pre><script>window.pwned=1</script>\n```',
  '`</code><img src=x onerror=window.pwned=1>`',
  '| <img src=x onerror=window.pwned=1> | b |\n|:-:|---|\n| [c](javascript:window.pwned=1) | d |',
  '**[x](javascript:window.pwned=1 "**")',
  '> <blockquote onclick=window.pwned=1>\n> x',
  '[![x](javascript:window.pwned=1)](javascript:window.pwned=1)',
  '<a href="x" style="position:fixed;inset:0" id="root" class="gate">x</a>',
]

describe('hostile messages', { skip: missing() }, () => {
  let server, browser, reader
  before(async () => {
    server = await Server.start({ args: ['--max-sends=-1'] })
    const joe = await server.caller('Joe')
    for (const [i, text] of attacks.entries()) await joe('POST', '/rooms/general/messages', { text, client_id: `attack-${i}` })
    // Room names and topics are shown in many places, and are not markdown
    // anywhere.
    await joe('POST', '/rooms', { name: '<img src=x onerror=window.pwned=1>', topic: '[t](javascript:window.pwned=1) <b>t</b>', users: [(await server.caller('Mary')).user.id] })
    await joe('POST', '/rooms/general/messages', { text: 'the end of the attacks', client_id: 'attack-end' })
    browser = await launch()
    reader = await Person.arrive(browser, server.url)
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  it('are inert', async () => {
    await reader.logIn('Mary')
    await reader.sees('the end of the attacks')
    const { page } = reader
    // Whoever clicks and touches everything is not worse off.
    for (const el of await page.locator('.message .markdown *').all()) await el.dispatchEvent('mouseover')
    const found = await page.evaluate(() => {
      const bad = []
      const allowed = new Set(['class', 'href', 'rel', 'target', 'type', 'tabindex', 'start', 'value'])
      for (const root of document.querySelectorAll('.message .markdown')) {
        for (const el of root.querySelectorAll('*')) {
          if (/^(script|img|svg|iframe|style|object|embed|form|input|base|meta|link|details|math)$/i.test(el.tagName)) bad.push(`<${el.tagName}>`)
          for (const a of el.attributes) if (!allowed.has(a.name)) bad.push(`${el.tagName} ${a.name}=${a.value}`)
          if (el.tagName === 'A' && !/^(https?|mailto):/.test(el.href)) bad.push(`link to ${el.href}`)
          if (el.tagName === 'A' && (el.rel !== 'noopener nofollow noreferrer' || el.target !== '_blank')) bad.push(`link with rel ${el.rel}`)
        }
      }
      return { bad, pwned: window.pwned, messages: document.querySelectorAll('.message').length, scripts: document.scripts.length, styles: document.querySelectorAll('style').length }
    })
    assert.deepEqual(found.bad, [])
    assert.equal(found.pwned, undefined)
    assert.equal(found.scripts, 2) // the theme's and the client's
    assert.equal(found.styles, 0)
    assert.ok(found.messages >= attacks.length)
    assert.deepEqual(reader.faults, [])
  })

  it('run nothing when every link in them is followed', async () => {
    const { page, context } = reader
    await context.route('https://evil.example/**', (route) => route.abort())
    for (const link of await page.locator('.message .markdown a').all()) {
      const opened = context.waitForEvent('page')
      await link.click()
      await (await opened).close()
    }
    assert.equal(await page.evaluate(() => window.pwned), undefined)
    assert.equal(new URL(page.url()).origin, server.url)
  })

  it('are as harmless in names, topics and previews', async () => {
    const { page } = reader
    await page.locator('.room-item', { hasText: '<img src=x' }).click()
    await page.locator('h1', { hasText: '<img src=x onerror=window.pwned=1>' }).waitFor()
    assert.equal(await page.locator('.shell img').count(), 0)
    assert.equal(await page.evaluate(() => window.pwned), undefined)
    assert.deepEqual(reader.faults.filter((f) => !f.startsWith('request to https://evil.example')), [])
  })

  it('are held back by the policy even if something got through', async () => {
    const { page } = reader
    const ran = await page.evaluate(async () => {
      const s = document.createElement('script')
      s.textContent = 'window.pwned = 1'
      document.body.append(s)
      const div = document.createElement('div')
      div.innerHTML = '<img src=x onerror="window.pwned = 1">'
      document.body.append(div)
      await new Promise((done) => div.firstChild.addEventListener('error', done))
      return window.pwned
    })
    assert.equal(ran, undefined)
  })
})

// What the page shows of random texts, judged by the browser's own reading of
// it. The second wall finds nothing to take away from what the first one lets
// through; and with a parser instead of it that lets everything through, it
// does alone.
describe('random texts', { skip: missing() }, () => {
  let browser
  before(async () => (browser = await launch()))
  after(() => browser?.close())

  // opened is a page with the client's renderer, on which it judges what the
  // renderer makes.
  const opened = async (plugins = []) => {
    const entry = fileURLToPath(new URL('../src/markdown/fakePage.ts', import.meta.url))
    const result = await build({
      configFile: false,
      logLevel: 'error',
      define: { 'process.env.NODE_ENV': '"production"' },
      plugins,
      build: { write: false, minify: false, lib: { entry, formats: ['iife'], name: 'tested' } },
    })
    const page = await browser.newPage()
    await page.goto('about:blank')
    await page.addScriptTag({ content: [result].flat()[0].output[0].code })
    await page.evaluate(() => {
      const allowed = new Set(['class', 'href', 'rel', 'target', 'type', 'tabindex', 'start', 'value'])
      window.bad = []
      window.alert = () => bad.push('something ran')
      window.judge = (what, text, root) => {
        for (const el of root.querySelectorAll('*')) {
          if (!/^(a|b|blockquote|br|button|code|div|em|h[1-6]|hr|li|ol|p|pre|s|span|strong|table|tbody|td|th|thead|tr|ul)$/.test(el.localName)) bad.push(`${what}: <${el.localName}> of ${text}`)
          for (const a of el.attributes) if (!allowed.has(a.name)) bad.push(`${what}: ${a.name} of ${text}`)
          if (el.localName === 'a' && el.getAttribute('href') && !['http:', 'https:', 'mailto:'].includes(el.protocol)) bad.push(`${what}: ${el.href} of ${text}`)
        }
      }
    })
    return page
  }

  it('are inert, and the same after DOMPurify', { timeout: 120_000 }, async () => {
    const page = await opened()
    const found = await page.evaluate(async () => {
      const { renderMarkdown, parse, hostileText } = window.tested
      const shown = document.body.appendChild(document.createElement('div'))
      let changed = 0
      for (let seed = 0; seed < 4_000 && bad.length < 10; seed++) {
        const text = hostileText(seed)
        const first = document.createElement('template')
        first.innerHTML = parse(text)
        const html = renderMarkdown(text)
        if (first.innerHTML !== html) bad.push(`DOMPurify makes ${html} of ${first.innerHTML}`)
        judge('the parser', text, first.content)
        shown.innerHTML = html
        judge('the page', text, shown)
        if (html.includes('<')) changed++
      }
      await new Promise((done) => setTimeout(done, 50)) // what was to run would have begun
      return { bad, changed }
    })
    assert.deepEqual(found.bad, [])
    assert.ok(found.changed > 3_800, 'the texts make something')
  })

  it('are inert after DOMPurify alone', { timeout: 120_000 }, async () => {
    // A parser that parses nothing: the text is its HTML.
    const nothing = 'export class TooMuch extends Error {}; export const dialect = () => ({ utils: {}, renderer: { rules: {} }, render: (text) => text })'
    const page = await opened([{ name: 'no parser', enforce: 'pre', resolveId: (id) => (id === './dialect' ? '\0nothing' : undefined), load: (id) => (id === '\0nothing' ? nothing : undefined) }])
    const found = await page.evaluate(async () => {
      const { renderMarkdown, parse, hostileText } = window.tested
      const shown = document.body.appendChild(document.createElement('div'))
      let taken = 0
      for (let seed = 0; seed < 2_000 && bad.length < 10; seed++) {
        const text = hostileText(seed)
        if (parse(text) !== text) bad.push('there is a parser')
        const html = renderMarkdown(text)
        shown.innerHTML = html
        judge('the page', text, shown)
        if (!html.includes('onerror') && text.includes('onerror')) taken++
      }
      await new Promise((done) => setTimeout(done, 50))
      return { bad, taken }
    })
    assert.deepEqual(found.bad, [])
    assert.ok(found.taken > 100, `something was taken away: ${found.taken}`)
  })
})

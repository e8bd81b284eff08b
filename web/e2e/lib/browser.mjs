// Chromium with the real client in it.

import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { missing as noRedis } from './redis.mjs'
import { shared } from './server.mjs'

const path = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Why these tests cannot run here, or false. On CI that is a failure, not a reason to skip. */
export function missing(needsRedis = shared) {
  const say = !existsSync(path)
    ? `Chromium is not at ${path}: install it (Debian: apt-get install chromium), or set CHROMIUM to its path`
    : needsRedis && noRedis()
  if (!say) return false
  if (process.env.CI) throw new Error(say)
  return say
}

// Of several switches with the same name Chromium takes the last, so this repeats what Playwright switches off and matters
// here, and adds what no test can see: two pages for the address bar in each window, and a process kept for a page to come.
const without = [
  'AvoidUnnecessaryBeforeUnloadCheckSync', 'DestroyProfileOnBrowserClose', 'HttpsUpgrades', 'HttpsFirstBalancedModeAutoEnable',
  'LensOverlay', 'MediaRouter', 'PaintHolding', 'ThirdPartyStoragePartitioning', 'AvoidCorsURLLoaderRestartOnRedirect',
  'OptimizationHints', 'NetworkTimeServiceQuerying', 'AimEnabled', 'PreconnectToSearch',
  'WebUIOmniboxPopup', 'WebUIOmniboxAimPopup', 'SpareRendererForSitePerProcess',
]

const start = () =>
  chromium.launch({
    executablePath: path,
    args: [
      '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', `--disable-features=${without}`,
      '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', // a microphone that beeps, and nobody has to allow it
    ],
  })

let common
/** Has every launch of this process give a part of one Chromium, until the function that it returns is called. */
export async function share() {
  common = await start()
  return () => common.close()
}

/** Says what each page shows, where it is and what has the focus: for whoever reads later why a test has failed. */
export async function tell() {
  for (const page of common.contexts().flatMap((context) => context.pages())) {
    const seen = [page.locator('body').ariaSnapshot({ timeout: 5_000 }), page.evaluate(() => document.activeElement?.outerHTML.slice(0, 200))]
    const [shown, focus] = await Promise.all(seen.map((x) => x.catch((err) => String(err))))
    console.log(`page ${page.url()}, focus ${focus}\n${shown.split('\n').slice(-80).join('\n')}`)
  }
}

/** A browser of one's own; closing it closes what was opened in it. */
export async function launch() {
  if (!common) return start()
  const contexts = new Set()
  const newContext = async (options) => {
    const context = await common.newContext(options)
    contexts.add(context)
    context.on('close', () => contexts.delete(context))
    return context
  }
  return {
    newContext,
    newPage: async () => (await newContext()).newPage(),
    close: () => Promise.all([...contexts].map((context) => context.close())),
  }
}

/** One person's browser. Everything that should never happen in it is kept in faults. */
export class Person {
  static async arrive(browser, url, options = {}) {
    const person = new Person()
    person.url = url
    person.faults = []
    // A service worker costs every context a copy of all files, and what moves is painted sixty times a second: they are there where a
    // test is about them.
    person.context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', serviceWorkers: 'block', ...options })
    person.context.setDefaultTimeout(Number(process.env.E2E_TIMEOUT ?? 30_000)) // a loaded machine is no fault
    person.page = await person.context.newPage()
    person.watch(person.page)
    return person
  }

  watch(page) {
    page.on('pageerror', (e) => this.faults.push(`error: ${e.message}`))
    page.on('dialog', (d) => (this.faults.push(`dialog: ${d.message()}`), d.dismiss()))
    page.on('console', (m) => {
      if (/Content Security Policy|Refused to/.test(m.text())) this.faults.push(m.text())
    })
    page.on('request', (r) => {
      const { protocol, origin } = new URL(r.url())
      if (/^(https?|wss?):$/.test(protocol) && origin.replace(/^ws/, 'http') !== new URL(this.url).origin) this.faults.push(`request to ${r.url()}`)
    })
  }

  /** Opens the client with a session, which comes as the form's does, in a cookie. */
  async enter(name, password = 'password123') {
    const headers = { 'Parley-Cookie': 'set', Origin: new URL(this.url).origin }
    const answer = await this.context.request.post(`${this.url}/api/v1/sessions`, { data: { name, password }, headers })
    if (!answer.ok()) throw new Error(`${name} is not let in: ${answer.status()} ${await answer.text()}`)
    await this.page.goto(this.url)
    return this
  }

  /** Enters, and waits for a room. */
  async logIn(name, password) {
    await this.enter(name, password)
    await this.box.waitFor()
    return this
  }

  /** Enters by the form. */
  async typeIn(name, password = 'password123') {
    await this.page.goto(this.url)
    await this.page.getByLabel('Name').fill(name)
    await this.page.getByLabel('Password').fill(password)
    await this.page.getByRole('button', { name: 'Log in' }).click()
    await this.box.waitFor()
    return this
  }

  /** Opens a room on the list by its title. */
  async open(title) {
    await this.page.locator('.room-item', { has: this.page.locator('.room-title', { hasText: new RegExp(`^${title}$`) }) }).click()
    await this.page.getByRole('heading', { level: 1, name: title }).waitFor()
  }

  get box() {
    return this.page.getByRole('textbox', { name: /^Message to (?!thread in)/ })
  }

  async say(text) {
    await this.box.fill(text)
    await this.box.press('Enter')
  }

  /** Texts of the messages on the screen, in order. */
  texts() {
    return this.page.locator('.message .markdown').allInnerTexts()
  }

  /** Waits until a message with that text is there for good: acknowledged, with its place. */
  sees(text) {
    return this.page.locator('.message[data-no]', { hasText: text }).first().waitFor()
  }
}

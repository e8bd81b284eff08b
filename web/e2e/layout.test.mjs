import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

const count = 500

/** The first visible message, and how far it is from the top. */
const place = (page) =>
  page.evaluate(() => {
    const box = document.querySelector('.timeline')
    const top = box.getBoundingClientRect().top
    const row = [...box.querySelectorAll('[data-no]')].find((r) => r.getBoundingClientRect().bottom > top)
    return { no: Number(row.dataset.no), offset: row.getBoundingClientRect().top - top, shown: box.querySelectorAll('[data-no]').length }
  })
const fromEnd = (page) => page.evaluate(() => ((b) => b.scrollHeight - b.clientHeight - b.scrollTop)(document.querySelector('.timeline')))

describe('the screen', { skip: missing() }, () => {
  let server, browser, joe
  before(async () => {
    server = await Server.start({ args: ['--max-sends=-1', '--max-calls=-1'] })
    joe = await server.caller('Joe')
    const { id } = await joe('POST', '/rooms', { name: 'Long', users: [(await server.caller('Mary')).user.id] })
    joe.room = id
    for (let i = 1; i <= count; i++) await joe('POST', `/rooms/${id}/messages`, { text: i % 9 ? `line ${i}` : `line ${i}\n\n${'and more '.repeat(i % 60)}` })
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  it('opens a room where the unread begins', async () => {
    const mary = await Person.arrive(browser, server.url)
    await mary.logIn('Mary')
    await mary.open('Long')
    await mary.page.locator('.unread-line').waitFor()
    assert.equal((await place(mary.page)).no, 1)
    await mary.page.getByRole('button', { name: '500 new' }).click()
    await mary.sees(`line ${count}`)
    await until('the end', async () => (await fromEnd(mary.page)) <= 1)
    await mary.page.locator('.to-newest').waitFor({ state: 'detached' })
    await until('it to be read', async () => (await (await server.caller('Mary'))('GET', `/rooms/${joe.room}`)).unread === 0)
    await mary.context.close()
  })

  it('keeps its place while one scrolls, pages arrive and the window changes', async () => {
    const mary = await Person.arrive(browser, server.url)
    await mary.logIn('Mary')
    await mary.open('Long')
    await mary.sees(`line ${count}`)
    const { page } = mary
    await page.locator('.timeline').hover()
    let last = await place(page)
    while (last.no > 1) {
      await page.mouse.wheel(0, -900)
      const now = await until('the scroll', async () => {
        const p = await place(page)
        if (p.no < last.no || (p.no === last.no && p.offset > last.offset) || p.no === 1) return p
        await page.mouse.wheel(0, -100) // the upper end was reached before the next page was there
      })
      assert.ok(now.shown <= 300, `${now.shown} messages are in the page`)
      last = now
    }
    assert.equal(await page.locator('.start').count(), 1)
    await page.mouse.wheel(0, -900)
    await until('the wheel to have come to rest', () => page.evaluate(() => document.querySelector('.timeline').scrollTop === 0))
    // Into the middle of what is loaded.
    await page.evaluate(async () => {
      document.querySelector('.timeline').scrollTop = 4000
      // A scroll is told with the next frame: it shall not be the one that has
      // the new size.
      for (let i = 0; i < 2; i++) await new Promise((done) => requestAnimationFrame(done))
    })
    const middle = await until('the middle', async () => ((p) => p.no > 10 && p)(await place(page)))
    await page.setViewportSize({ width: 820, height: 640 })
    let now
    await until('the same place', async () => {
      now = await place(page)
      return now.no === middle.no && Math.abs(now.offset - middle.offset) < 2
    }).catch((err) => assert.deepEqual(now, middle, err.message))
    // New messages do not move one who reads old ones.
    await joe('POST', `/rooms/${joe.room}/messages`, { text: 'something new' })
    await page.getByRole('button', { name: '1 new' }).waitFor()
    const still = await place(page)
    assert.equal(still.no, middle.no)
    await page.getByRole('button', { name: '1 new' }).click()
    await mary.sees('something new')
    await until('the end', async () => (await fromEnd(page)) <= 1)
    await page.setViewportSize({ width: 1280, height: 500 })
    await until('the end again', async () => (await fromEnd(page)) <= 1)
    assert.deepEqual(mary.faults, [])
    await mary.context.close()
  })

  it('shows the list or the room on a phone, and goes back', async () => {
    const mary = await Person.arrive(browser, server.url, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
    const { page } = mary
    await page.goto(server.url)
    await page.getByLabel('Name').fill('Mary')
    await page.getByLabel('Password').fill('password123')
    await page.getByRole('button', { name: 'Log in' }).tap()
    await page.locator('.room-item').first().waitFor()
    assert.equal(await page.locator('.main').isVisible(), false)
    await page.locator('.room-item', { hasText: 'General' }).tap()
    await page.getByRole('heading', { level: 1, name: 'General' }).waitFor()
    assert.equal(await page.locator('.sidebar').isVisible(), false)
    await mary.box.fill('from the phone')
    await page.getByRole('button', { name: 'Send', exact: true }).tap()
    await mary.sees('from the phone')
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390)
    await page.getByRole('button', { name: 'Back to the list' }).tap()
    await page.locator('.sidebar').waitFor()
    await page.goBack()
    await page.getByRole('heading', { level: 1, name: 'General' }).waitFor()
    assert.deepEqual(mary.faults, [])
    await mary.context.close()
  })

  it('has readable contrasts, names on everything, and no way past the policy', async () => {
    for (const colorScheme of ['light', 'dark']) {
      const mary = await Person.arrive(browser, server.url, { colorScheme })
      await mary.logIn('Mary')
      await mary.page.getByRole('button', { name: /^\d+ members?$/ }).click()
      await mary.page.locator('.member').first().waitFor()
      const found = await mary.page.evaluate(lookForFaults)
      assert.deepEqual(found, [], colorScheme)
      assert.deepEqual(mary.faults, [])
      await mary.context.close()
    }
  })
})

/** Runs in the page: texts with less contrast than WCAG AA asks for, and controls without a name. */
function lookForFaults() {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = color
    canvas.fillRect(0, 0, 1, 1)
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data
    return [r, g, b, a / 255]
  }
  const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3]))
  const ground = (el) => {
    const layers = []
    for (let e = el; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor))
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255])
  }
  const light = (c) => {
    const [r, g, b] = c.map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const faults = new Set()
  for (const el of document.querySelectorAll('#root *')) {
    const own = [...el.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())
    const style = getComputedStyle(el)
    if (own && el.getClientRects().length && style.visibility !== 'hidden' && style.opacity === '1' && !el.closest('.visually-hidden')) {
      const under = ground(el)
      const [a, b] = [light(over(rgba(style.color), under)), light(under)].sort((x, y) => y - x)
      const ratio = (a + 0.05) / (b + 0.05)
      const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700)
      if (ratio < (large ? 3 : 4.5)) faults.add(`${el.className || el.tagName} “${el.textContent.trim().slice(0, 20)}”: ${ratio.toFixed(2)}`)
    }
    if (/^(BUTTON|INPUT|TEXTAREA|SELECT)$/.test(el.tagName) && el.getClientRects().length) {
      const name = el.getAttribute('aria-label') || el.textContent.trim() || el.labels?.[0]?.textContent
      if (!name) faults.add(`${el.outerHTML.slice(0, 80)} has no name`)
    }
  }
  return [...faults]
}

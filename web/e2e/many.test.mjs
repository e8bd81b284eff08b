import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { many } from './lib/many.mjs'
import { Server, until } from './lib/server.mjs'

const rooms = 2_000
const messages = 100_000

describe('2,000 rooms and 100,000 messages', { skip: missing() }, () => {
  let server, browser, mary, page, cdp
  before(async () => {
    server = await Server.start()
    browser = await launch()
    // The open room is one of the long list, read or not.
    await (await server.caller('Mary'))('PUT', '/documents/sidebar', { was: 0, value: { unreadFirst: false } })
    mary = await Person.arrive(browser, server.url)
    page = mary.page
    await many(page, { rooms, messages })
    cdp = await page.context().newCDPSession(page)
    await cdp.send('Performance.setTimeDomain', { timeDomain: 'threadTicks' }).catch(() => {})
    await cdp.send('Performance.enable', { timeDomain: 'threadTicks' })
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  /** How long the page's thread has worked while f ran: its own time, not that of a loaded machine. Told, not judged. */
  const work = async (t, what, f) => {
    const spent = async () => Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map((m) => [m.name, m.value * 1000]))
    const first = await spent()
    await f()
    const last = await spent()
    const ms = (name) => Math.round(last[name] - first[name])
    t.diagnostic(`${what}: ${ms('TaskDuration')} ms, of it script ${ms('ScriptDuration')}, layout ${ms('LayoutDuration')}, style ${ms('RecalcStyleDuration')}`)
  }
  const items = () => page.locator('.room-item').count()
  const first = () => page.locator('.message[data-no]').first().getAttribute('data-no').then(Number)
  const scroll = (box, by, times) =>
    page.evaluate(async ([box, by, times]) => {
      const el = document.querySelector(box)
      for (let i = 0; i < times; i++) {
        el.scrollTop += by
        await new Promise(requestAnimationFrame)
      }
    }, [box, by, times])

  it('shows of the list what is in view', async (t) => {
    await work(t, 'log in', () => mary.logIn('Mary'))
    assert.ok((await items()) < 80, `${await items()} rooms are in the page`)
    await work(t, 'scroll through all rooms, 100 steps', () => scroll('.sidebar-lists', 360, 100))
    assert.ok((await items()) < 80)
    await page.locator('.sidebar-lists').evaluate((el) => (el.scrollTop = el.scrollHeight / 2))
    await until('the middle of the list', () =>
      page.evaluate(() => [...document.querySelector('[data-section=rooms]').children].some((li) => li.style.position === '' && Number(li.ariaPosInSet) > 900)))
    // The open room stays where the Tab key finds it, though it is not in view.
    await page.locator('[data-section=rooms] .room-item[tabindex="0"]').focus()
    await until('it to be shown in its place', () => page.locator('.room-item.open').evaluate((el) => el === document.activeElement && el.parentElement.style.position === ''))
    await page.keyboard.press('End')
    await until('the last one', async () => (await page.evaluate(() => Number(document.activeElement.closest('li')?.ariaPosInSet))) >= rooms - 10)
    await page.keyboard.press('Home')
    await until('the first one', () => page.evaluate(() => document.activeElement.closest('li')?.ariaPosInSet === '1'))
  })

  it('finds one of them', async (t) => {
    await work(t, 'find a room', async () => {
      await page.keyboard.press('Control+k')
      await page.keyboard.type('Room 1234')
      await page.getByRole('option', { name: 'Room 1234' }).waitFor()
    })
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Room 1234' }).waitFor()
    await work(t, 'type 40 letters', () => page.keyboard.type('forty letters, one after the other, okay', { delay: 5 }))
    await mary.box.fill('')
  })

  it('knows of many people those whom one sees, and finds the others', async () => {
    const joe = await Person.arrive(browser, server.url)
    const asked = []
    await joe.page.routeWebSocket(/\/api\/v1\/ws$/, (ws) => {
      const to = ws.connectToServer()
      ws.onMessage((data) => {
        const frame = JSON.parse(data)
        if (frame.method.startsWith('user.')) asked.push(frame.params.query ?? frame.method)
        if (frame.method === 'user.list') frame.params.limit = 1
        to.send(JSON.stringify(frame))
      })
    })
    const alex = await server.caller('Alex')
    await alex('POST', '/rooms/general/messages', { text: 'who am I' })
    await joe.logIn('Joe')
    await joe.open('General')
    await joe.page.getByRole('article', { name: /^Alex, .*who am I/ }).waitFor()
    assert.ok(asked.filter((m) => m === 'user.list').length <= 1, `${asked}`)
    await joe.say('/dm Mary hello') // a command finds whom the client does not know
    await joe.page.getByRole('heading', { level: 1, name: 'Mary' }).waitFor()
    await joe.page.goto(`${server.url}/#/people`)
    await joe.page.getByRole('searchbox', { name: 'Find people by name, title or phone' }).fill('pab')
    await joe.page.locator('.person', { hasText: 'Pablo' }).waitFor()
    await until('the server to be asked', () => asked.includes('pab'))
    await joe.page.getByRole('searchbox', { name: 'Find people by name, title or phone' }).fill('')
    const more = joe.page.getByRole('button', { name: 'More', exact: true })
    await until('all of them', async () => (await more.count()) === 0 || more.click({ timeout: 500 }).then(() => false, () => false))
    await joe.page.getByText('4 people', { exact: true }).waitFor()
    assert.deepEqual(joe.faults, [])
    await joe.context.close()
  })

  it('goes through a long history, and holds little of it', async (t) => {
    await page.keyboard.press('Control+k')
    await page.keyboard.type('Big')
    await page.getByRole('option', { name: 'Big' }).waitFor()
    await work(t, 'open the room', async () => {
      await page.keyboard.press('Enter')
      await page.locator(`.message[data-no="${messages}"]`).waitFor()
    })
    await work(t, 'scroll back, 100 steps of 400 px', () => scroll('.timeline', -400, 100))
    assert.ok((await page.locator('.message[data-no]').count()) <= 300)
    await until('older ones', async () => (await first()) < messages - 300)
    await work(t, 'to the oldest', async () => {
      await page.locator('.timeline').focus()
      await page.keyboard.press('Home')
      await page.locator('.message[data-no="1"]').waitFor()
    })
    await until('the beginning', () => page.locator('.start').evaluate((el) => Math.abs(el.getBoundingClientRect().top - el.closest('.timeline').getBoundingClientRect().top) < 40))
    await work(t, 'scroll on, 100 steps of 400 px', () => scroll('.timeline', 400, 100))
    assert.ok((await page.locator('.message[data-no]').count()) <= 300)
    await until('newer ones', async () => (await first()) > 1)
    await work(t, 'to the newest', async () => {
      await page.locator('.timeline').focus()
      await page.keyboard.press('End')
      await page.locator(`.message[data-no="${messages}"]`).waitFor()
    })
    assert.deepEqual(mary.faults, [])
  })
})

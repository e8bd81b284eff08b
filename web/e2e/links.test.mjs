import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { axe, colours } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { overlaps } from './lib/overlap.mjs'
import { Server, until } from './lib/server.mjs'
import { Site } from './lib/site.mjs'

const long = 'A title that is so long that it does not fit on two lines of any card, however wide the screen, and therefore has to end where there is no more space for it, however much is left to say'

describe('links', { skip: missing() }, () => {
  let site, server, browser, mary, joe, maryCalls, joeCalls
  before(async () => {
    site = await Site.start()
    server = await Server.start({ args: ['--link-previews=on', `--link-allow=${site.host}`, '--max-sends=-1'] })
    browser = await launch()
    joe = await Person.arrive(browser, server.url, { reducedMotion: 'reduce' })
    mary = await Person.arrive(browser, server.url)
    maryCalls = await server.caller('Mary')
    joeCalls = await server.caller('Joe')
    const picture = await joe.page.evaluate(() => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 900, height: 600 })
      const c = canvas.getContext('2d')
      for (let i = 0; i < 90; i++) {
        c.fillStyle = `hsl(${i * 4} 70% 50%)`
        c.fillRect(i * 10, 0, 10, 600)
      }
      return canvas.toDataURL('image/png').split(',')[1]
    })
    Object.assign(site.pages, {
      '/picture.png': { type: 'image/png', body: Buffer.from(picture, 'base64') },
      '/vector.svg': { type: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>' },
      '/article': { title: 'An article', description: 'What it is about, in some more words than one line has space for on a telephone. '.repeat(4), site: 'The Paper', image: '/picture.png' },
      '/svg': { title: 'A drawing', image: '/vector.svg' },
      '/hostile': { title: '<img src=x onerror=alert(1)> \u202e& more', description: '"><script>alert(1)</script>', site: '<b>site</b>', image: 'javascript:alert(1)' },
      '/long': { title: long, description: `${'x'.repeat(300)} ${long}`, site: 'y'.repeat(200), image: '/picture.png' },
    })
    await mary.logIn('Mary')
    await joe.logIn('Joe')
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
    await site?.stop()
  })

  const row = (person, text) => person.page.locator('main .message[data-no]', { hasText: text })
  const card = (person, title) => person.page.locator('main .link-card', { hasText: title })
  /** As chosen on another device: what is open here stays open. */
  const elsewhere = async (person, on) => {
    const settings = (await joeCalls('GET', '/documents')).documents.find((d) => d.name === 'settings')
    await joeCalls('PUT', '/documents/settings', { was: settings?.version ?? 0, value: { ...settings?.value, links: on } })
    await until('it to be known', () =>
      person.page.evaluate((want) => {
        const kept = Object.entries(localStorage).find(([key]) => key.startsWith('parley:documents:'))
        return kept !== undefined && JSON.parse(kept[1]).settings?.value.links === want
      }, on),
    )
  }
  const preference = async (person, on) => {
    await person.page.getByRole('button', { name: /^Your account/ }).click()
    await person.page.getByRole('menuitem', { name: 'Settings' }).click()
    await person.page.getByRole('checkbox', { name: /^Show link previews/ }).setChecked(on)
    await person.page.getByRole('button', { name: 'Back to the chat' }).click()
  }

  it('show what they lead to, with a picture whose space was there before', async () => {
    let release
    const held = new Promise((done) => (release = done))
    await joe.page.route('**/previews/*/image', async (route) => (await held, route.continue()))
    await mary.say(`read this: [here](${site.url}/article)`)
    await card(joe, 'An article').waitFor()
    const before = await card(joe, 'An article').boundingBox()
    release()
    const picture = card(joe, 'An article').locator('img')
    await until('the picture', () => picture.evaluate((i) => i.complete && i.naturalWidth > 0))
    await joe.page.unroute('**/previews/*/image')
    assert.deepEqual(await picture.evaluate((i) => [i.naturalWidth, i.naturalHeight, new URL(i.src).origin]), [400, 267, server.url])
    assert.equal((await card(joe, 'An article').boundingBox()).height, before.height)
    const link = card(joe, 'An article').getByRole('link', { name: 'An article' })
    assert.deepEqual(await link.evaluate((a) => [a.href, a.target, a.rel]), [`${site.url}/article`, '_blank', 'noopener nofollow noreferrer'])
    assert.equal((await card(joe, 'An article').locator('.link-site bdi').allInnerTexts()).join(), `The Paper,${site.host}`, 'where it is stands beside what it calls itself')
    const lines = await card(joe, 'An article').locator('p').evaluate((p) => p.clientHeight / parseFloat(getComputedStyle(p).lineHeight))
    assert.ok(lines < 2.2, `a description of ${lines} lines`)
  })

  it('show nothing of code, of links in angle brackets, and of pages that say nothing', async () => {
    await mary.say(`\`${site.url}/page/900\` and <${site.url}/page/901> and ${site.url}/nothing and ${site.url}/page/902`)
    await card(joe, 'Page 902').waitFor()
    assert.equal(await row(joe, '/page/902').locator('.link-card').count(), 1)
    assert.deepEqual(site.asked.filter((path) => path === '/page/900' || path === '/page/901'), [])
  })

  it('show what a hostile page says as text, and no drawing that could run', async () => {
    await mary.say(`${site.url}/hostile ${site.url}/svg`)
    await card(joe, '<img src=x onerror=alert(1)> & more').waitFor()
    assert.equal(await card(joe, '<img src=x').locator('img').count(), 0)
    const drawing = card(joe, 'A drawing')
    await drawing.locator('svg').waitFor() // a sign in its place
    assert.equal(await drawing.locator('img').count(), 0)
    assert.equal((await drawing.boundingBox()).height, 108, 'its space stays')
  })

  it('follow the text when it is edited, and go with the message', async () => {
    await mary.say(`first ${site.url}/page/910`)
    await card(joe, 'Page 910').waitFor()
    await joe.page.mouse.move(0, 0)
    await mary.box.press('ArrowUp')
    const edit = mary.page.getByRole('textbox', { name: 'Edit message' })
    await edit.fill(`second ${site.url}/page/911`)
    await edit.press('Enter')
    await card(joe, 'Page 911').waitFor()
    assert.equal(await card(joe, 'Page 910').count(), 0)
    const no = await row(joe, 'second').getAttribute('data-no')
    await maryCalls('DELETE', `/rooms/general/messages/${no}`)
    await card(joe, 'Page 911').waitFor({ state: 'detached' })
  })

  it('are asked for where one looks, and leave the timeline in its place', async () => {
    const room = await maryCalls('POST', '/rooms', { name: 'Long', users: [(await server.caller('Joe')).user.id] })
    for (let n = 0; n < 40; n++) await maryCalls('POST', `/rooms/${room.id}/messages`, { text: `number ${n} ${site.url}/page/${n}\n\n${'words '.repeat(60)}` })
    await elsewhere(joe, false)
    await joe.open('Long')
    await joe.sees('number 39')
    const box = joe.page.getByRole('log')
    const top = () =>
      box.evaluate((el) => {
        const edge = el.getBoundingClientRect().top
        const rows = [...el.querySelectorAll('article[data-no]')]
        const first = rows.find((r) => r.getBoundingClientRect().bottom > edge)
        return { no: Number(first.dataset.no), offset: Math.round(first.getBoundingClientRect().top - edge) }
      })
    assert.ok(!site.asked.some((path) => /^\/page\/\d{1,2}$/.test(path)), 'asked although it is off')
    await box.evaluate((el) => (el.scrollTop = el.scrollHeight / 2))
    const stays = await until('the timeline to rest', async () => {
      const [a, b] = [await top(), await joe.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))).then(top)]
      return JSON.stringify(a) === JSON.stringify(b) && a
    })
    await elsewhere(joe, true)
    const shown = joe.page.locator('main .link-card')
    await until('cards', async () => (await shown.count()) >= 2)
    const now = await top()
    assert.equal(now.no, stays.no)
    assert.ok(Math.abs(now.offset - stays.offset) <= 1, `moved from ${stays.offset} to ${now.offset}`)
    const pages = site.asked.map((path) => /^\/page\/(\d{1,2})$/.exec(path)?.[1]).filter(Boolean).map(Number)
    assert.ok(!pages.includes(0) && !pages.includes(39), `asked for what is far away: ${pages}`)
    await box.evaluate((el) => (el.scrollTop = el.scrollHeight))
    await card(joe, 'Page 39').waitFor()
    await until('the end to be kept', () => box.evaluate((el) => el.scrollHeight - el.clientHeight - el.scrollTop <= 1))
    await joe.open('General')
    const before = site.asked.length
    await joe.open('Long')
    await card(joe, 'Page 39').waitFor()
    assert.equal(site.asked.slice(before).filter((path) => path === '/page/39').length, 0, 'what is known is not asked for again')
  })

  it('keep the timeline in its place also when they come while one scrolls', async () => {
    await joe.open('Long')
    const moved = (how) =>
      joe.page.getByRole('log').evaluate(async (el, how) => {
        const frames = async () => {
          for (let i = 0; i < 3; i++) await new Promise((done) => requestAnimationFrame(done))
          await new Promise((done) => setTimeout(done)) // people scroll between frames
        }
        const rows = [...el.querySelectorAll('article[data-no]')]
        el.scrollTop = how === 'end' ? el.scrollHeight - el.clientHeight - 300 : el.scrollHeight / 2
        await frames()
        const edge = el.getBoundingClientRect().top
        const first = rows.findIndex((r) => r.getBoundingClientRect().bottom > edge)
        const row = rows[first + 1]
        const before = row.getBoundingClientRect().top
        // Both before the browser tells of either.
        el.scrollTop += how === 'end' ? 300 : -20
        const grows = how === 'end' ? rows.at(-1) : rows[first - 1]
        grows.style.paddingBlockEnd = '200px'
        await frames()
        const result = how === 'end' ? el.scrollHeight - el.clientHeight - el.scrollTop : row.getBoundingClientRect().top - before - 20
        grows.style.paddingBlockEnd = ''
        await frames()
        return Math.abs(Math.round(result))
      }, how)
    assert.ok((await moved('end')) <= 1, 'no longer at the end')
    assert.ok((await moved('middle')) <= 1, 'no longer at its place')
  })

  it('are not shown to whoever does not want them', async () => {
    await joe.open('General')
    await card(joe, 'An article').waitFor()
    await preference(joe, false)
    await card(joe, 'An article').waitFor({ state: 'detached' })
    await joe.page.reload()
    await joe.sees('read this')
    assert.equal(await joe.page.locator('.link-card').count(), 0)
    await preference(joe, true)
    await card(joe, 'An article').waitFor()
  })

  it('wait for a connection without a word', async () => {
    await mary.say(`for later ${site.url}/page/920`)
    await card(mary, 'Page 920').waitFor()
    await joe.open('Long')
    await joe.context.setOffline(true)
    await joe.page.locator('.connection').waitFor()
    await joe.open('General')
    await joe.sees('for later')
    assert.equal(await joe.page.locator('.toast', { hasText: /./ }).count(), 0)
    await joe.context.setOffline(false)
    await card(joe, 'Page 920').waitFor()
  })

  it('look right on every screen, light and dark', async () => {
    await mary.say(`${site.url}/long ${site.url}/article ${site.url}/page/930`)
    await card(joe, 'Page 930').waitFor()
    for (const [width, height] of [[390, 844], [820, 1100], [1440, 900]]) {
      await joe.page.setViewportSize({ width, height })
      await joe.page.mouse.move(0, 0) // the buttons of the message under it lie over its text
      for (const colorScheme of ['light', 'dark']) {
        await joe.page.emulateMedia({ colorScheme })
        await card(joe, 'Page 930').scrollIntoViewIfNeeded()
        if (width === 390) assert.deepEqual(await axe(joe.page, '.link-cards', colorScheme === 'dark' ? colours : undefined), [], `${width} ${colorScheme}`)
      }
      assert.deepEqual(await overlaps(joe.page), [], `${width}`)
      const wide = await joe.page.locator('main .link-card').evaluateAll((all) => all.filter((c) => c.scrollWidth > c.clientWidth || c.getBoundingClientRect().right > innerWidth).length)
      assert.equal(wide, 0, `${width}: cards that are too wide`)
    }
  })

  it('had nobody ask another host', () => {
    assert.deepEqual(joe.faults, [])
    assert.deepEqual(mary.faults, [])
  })
})

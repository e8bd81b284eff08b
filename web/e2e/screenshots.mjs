// Pictures of the real client with the demo's people: all screens into a
// directory (the first argument, or a temporary one), and the two that the
// README shows into docs/images.

import { copyFileSync, mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launch, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

const images = fileURLToPath(new URL('../../docs/images', import.meta.url))
const dir = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'parley-screens-'))
mkdirSync(dir, { recursive: true })
mkdirSync(images, { recursive: true })

/** Whether the client gives four people four colours: it does by their ids, which are by chance. */
async function colourful(server) {
  const ids = await Promise.all(['Pablo', 'Joe', 'Mary', 'Alex'].map(async (n) => (await server.caller(n)).user.id))
  const hue = (id) => ([...id].reduce((h, c) => Math.imul(h ^ c.codePointAt(0), 0x01000193), 0x811c9dc5) >>> 16) % 12
  return new Set(ids.map(hue)).size === ids.length
}

let server = await Server.start()
for (; !(await colourful(server)); server = await Server.start()) await server.stop()
const browser = await launch()
const shoot = async (person, name) => {
  await person.page.waitForTimeout(250) // transitions
  await person.page.screenshot({ path: join(dir, `${name}.png`) })
}

const minute = 60_000

/** When each message of a room was written, in minutes ago: what stands here within a second looks as if it had taken a day. */
const ago = new Map()

/** A team's talk, beside what the demo brings. */
async function prepare() {
  const names = ['Pablo', 'Joe', 'Mary', 'Alex']
  const people = Object.fromEntries(await Promise.all(names.map(async (n) => [n, await server.caller(n)])))
  const { Pablo, Joe, Mary, Alex } = people
  const all = names.map((n) => people[n].user.id)
  await Joe('PATCH', '/account', { status: { emoji: '🏡', text: 'From home today' }, about: 'Search, and whatever breaks' })
  await Alex('PATCH', '/account', { status: { emoji: '🎧', text: 'Focus until noon' } })
  const room = async (by, name, topic, lines, kind) => {
    const { id } = await by('POST', '/rooms', { name, topic, kind, users: all })
    ago.set(id, lines.map(([minutes]) => minutes))
    for (const [, who, text] of lines) await people[who]('POST', `/rooms/${id}/messages`, { text })
    return id
  }
  const react = (id, no, emoji, ...who) => Promise.all(who.map((w) => people[w]('PUT', `/rooms/${id}/messages/${no}/reactions/${encodeURIComponent(emoji)}`)))
  ago.set('general', [9000, 8990, 8985, 8970, 8969, 8940, 8930, 4300, 4290])
  await Mary('PUT', '/rooms/general/read', { no: 9 })
  await room(Pablo, 'Board', 'Figures and plans', [[400, 'Pablo', 'Agenda for Friday is in the folder.']], 'private').then((id) => Mary('PUT', `/rooms/${id}/read`, { no: 1 }))
  await room(Alex, 'Support', 'Who asks, and who answers', [[131, 'Pablo', 'A school asks how to move 800 people over. @Mary, do you have the text from last time?']])
  await room(Joe, 'Design', 'How it looks and feels', [[75, 'Joe', 'The new icons are in. Opinions?'], [71, 'Alex', 'Lovely. The lock is a bit heavy.']])
  const sql = 'SELECT m.room, r.head_no - m.read_no - count(d.no) AS unread\nFROM members m JOIN rooms r ON r.id = m.room\nLEFT JOIN deleted d ON d.room = m.room AND d.no > m.read_no\nWHERE m.user = ?  -- one person, all rooms\nGROUP BY m.room'
  const release = await room(Pablo, 'Release 2.4', 'Ships on Thursday, freeze on Wednesday at five', [
    [1310, 'Pablo', 'What is open for Thursday:\n- search in attachments (**Joe**)\n- the slow dashboard (**Alex**)\n- the release notes (**Mary**)'],
    [1290, 'Joe', 'Search is merged. Two tests were flaky on a loaded machine: they wait for the index now, they do not sleep.'],
    [58, 'Alex', `Found it. The dashboard counted what is unread row by row. Now it is one query:\n\`\`\`sql\n${sql}\n\`\`\``],
  ])
  await react(release, 2, '👏', 'Pablo', 'Mary', 'Alex')
  await react(release, 3, '👀', 'Joe', 'Pablo')
  const { id: thread } = await Joe('PUT', `/rooms/${release}/messages/3/thread`)
  ago.set(thread, [55, 52, 50])
  await Joe('POST', `/rooms/${thread}/messages`, { text: 'Does it hold when somebody deletes messages?' })
  await Alex('POST', `/rooms/${thread}/messages`, { text: 'Yes, `deleted` is taken off. There is a test that compares it with counting by hand, for 10,000 random histories.' })
  await Joe('POST', `/rooms/${thread}/messages`, { text: 'Reviewed. Ship it 🚢' })
  ago.get(release).push(46, 31, 6, 4)
  return { release, people, react }
}

/** The rest of the talk: it follows Alex's picture, which comes from the page. */
async function goOn({ release, people, react }, alex) {
  const chart = await alex.context.newPage()
  await chart.setViewportSize({ width: 880, height: 300 })
  const bars = [[38, 41], [40, 44], [41, 39], [7, 8], [6, 7], [7, 6], [7, 7]]
  const bar = ([a, b], i) => `<rect x="${70 + i * 112}" y="${200 - a * 3.6}" width="38" height="${a * 3.6}" rx="4" fill="${i < 3 ? '#c9624a' : '#0d6b60'}"/><rect x="${112 + i * 112}" y="${200 - b * 3.6}" width="38" height="${b * 3.6}" rx="4" fill="${i < 3 ? '#e5a596' : '#7cc0b4'}"/><text x="${92 + i * 112}" y="232">${['Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed', 'Thu'][i]}</text>`
  const lines = [0, 10, 20, 30, 40].map((y) => `<path d="M66 ${200 - y * 3.6}H850" stroke="#e3e3dd"/><text x="4" y="${206 - y * 3.6}">${y} ms</text>`).join('')
  await chart.setContent(`<body style="margin:0"><svg width="880" height="300" font-family="sans-serif" font-size="20" fill="#3d4543"><rect width="880" height="300" fill="#fff"/>${lines}${bars.map(bar).join('')}<text x="70" y="276">Dashboard, p50 and p99</text></svg></body>`)
  const picture = await chart.screenshot()
  await chart.close()
  await alex.open('Release 2.4')
  await alex.page.locator('main input[type=file]').setInputFiles({ name: 'dashboard.png', mimeType: 'image/png', buffer: picture })
  await until('the picture to be uploaded', async () => (await alex.page.locator('main .upload').allInnerTexts()).every((t) => /B$/.test(t.trim())))
  await alex.say('Before and after, the same load:')
  await alex.sees('Before and after')
  await react(release, 4, '🎉', 'Pablo', 'Joe', 'Mary')
  await react(release, 4, '🚀', 'Joe')
  const post = (who, text) => people[who]('POST', `/rooms/${release}/messages`, { text })
  await post('Mary', 'Six times faster! @Joe, can you repeat it on the staging machine?')
  await people.Mary('PUT', `/rooms/${release}/read`, { no: 5 })
  await post('Joe', '@Mary at two. And it is your turn with the coffee ☕')
  await post('Pablo', 'Then we ship on Thursday. @room, please read the notes once more.')
}

/** To this person's page, messages are as old as they are to look. */
const aged = (person) =>
  person.page.routeWebSocket(/\/ws$/, (near) => {
    const far = near.connectToServer()
    const age = (value) => {
      if (!value || typeof value !== 'object') return
      const minutes = value.no && ago.get(value.room)?.[value.no - 1]
      if (minutes && value.at) value.at = new Date(Date.now() - minutes * minute).toISOString()
      if (value.last_at && ago.get(value.room)) value.last_at = new Date(Date.now() - ago.get(value.room).at(-1) * minute).toISOString()
      Object.values(value).forEach(age)
    }
    near.onMessage((frame) => far.send(frame))
    far.onMessage((frame) => {
      const message = JSON.parse(frame)
      age(message)
      near.send(JSON.stringify(message))
    })
  })

try {
  const talk = await prepare()
  const joe = await Person.arrive(browser, server.url)
  await joe.logIn('Joe')
  const alex = await Person.arrive(browser, server.url)
  await alex.logIn('Alex')
  await goOn(talk, alex)
  await joe.open('Release 2.4')
  for (const scheme of ['light', 'dark']) {
    const wide = await Person.arrive(browser, server.url, { viewport: { width: 1440, height: 900 }, colorScheme: scheme, deviceScaleFactor: 1 })
    const { page } = wide
    await page.goto(server.url)
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await shoot(wide, `${scheme}-1440-login`)
    await aged(wide)
    await wide.logIn('Mary')
    await wide.open('Release 2.4')
    await page.locator('.message').last().waitFor()
    await until('the picture', () => page.locator('.picture img').evaluateAll((all) => all.length > 0 && all.every((i) => i.complete && i.naturalWidth > 0)))
    await page.locator('.hljs-keyword').first().waitFor()
    await joe.box.pressSequentially('let me see', { delay: 10 })
    await page.locator('.typing', { hasText: 'Joe' }).waitFor()
    await shoot(wide, `${scheme}-1440-room`)
    await page.locator('.message', { hasText: 'Found it.' }).locator('.thread-line').click()
    await page.locator('.thread .message[data-no]', { hasText: 'Ship it' }).waitFor()
    await joe.box.pressSequentially(' whether', { delay: 10 })
    await page.mouse.move(700, 5)
    await page.locator('.composer .typing', { hasText: 'Joe' }).waitFor()
    await shoot(wide, `${scheme}-1440-thread`)
    copyFileSync(join(dir, `${scheme}-1440-thread.png`), join(images, `parley-${scheme}.png`))
    await page.keyboard.press('Escape')
    await wide.box.fill('/')
    await shoot(wide, `${scheme}-1440-commands`)
    await wide.box.fill('')
    await page.getByRole('button', { name: 'Room menu' }).click()
    await page.getByRole('menuitem', { name: 'Jump to date' }).click()
    await shoot(wide, `${scheme}-1440-jump`)
    await page.keyboard.press('Escape')
    await joe.box.fill('')
    await page.getByRole('button', { name: /^\d+ members?$/ }).click()
    await page.locator('.member').first().waitFor()
    await shoot(wide, `${scheme}-1440-members`)
    await page.keyboard.press('Escape')
    await page.keyboard.press('Control+k')
    await shoot(wide, `${scheme}-1440-switcher`)
    await page.keyboard.press('Escape')
    for (const [item, name] of [['Shortcuts and formatting', 'keys']]) {
      await page.getByRole('button', { name: /^Your account/ }).click()
      await shoot(wide, `${scheme}-1440-account`)
      await page.getByRole('menuitem', { name: item }).click()
      await shoot(wide, `${scheme}-1440-${name}`)
      await page.keyboard.press('Escape')
    }
    for (const at of ['settings/appearance', 'settings/notifications', 'settings/account', 'people']) {
      await page.goto(`${server.url}/#/${at}`)
      await page.locator('.admin-page').waitFor()
      await shoot(wide, `${scheme}-1440-${at.replace('/', '-')}`)
    }
    await page.getByRole('button', { name: 'Back to the chat' }).click()
    for (const [item, name] of [['Create a room', 'create'], ['Browse public rooms', 'browse']]) {
      await page.getByRole('button', { name: 'New room' }).click()
      await page.getByRole('menuitem', { name: item }).click()
      await shoot(wide, `${scheme}-1440-${name}`)
      await page.keyboard.press('Escape')
    }
    await page.setViewportSize({ width: 820, height: 1100 })
    await shoot(wide, `${scheme}-820-room`)
    await wide.context.close()

    const phone = await Person.arrive(browser, server.url, { viewport: { width: 390, height: 844 }, colorScheme: scheme, hasTouch: true, isMobile: true, deviceScaleFactor: 2 })
    await aged(phone)
    await phone.page.goto(server.url)
    await phone.page.getByRole('button', { name: 'Log in' }).waitFor()
    await shoot(phone, `${scheme}-390-login`)
    await phone.page.getByLabel('Name').fill('Pablo')
    await phone.page.getByLabel('Password').fill('password123')
    await phone.page.getByRole('button', { name: 'Log in' }).click()
    await phone.page.locator('.room-item').first().waitFor()
    await shoot(phone, `${scheme}-390-list`)
    await phone.page.locator('.room-item', { hasText: 'Release 2.4' }).click()
    await phone.page.locator('.message').last().waitFor()
    await shoot(phone, `${scheme}-390-room`)
    await phone.context.close()
  }
  // Without a server.
  const away = await Person.arrive(browser, server.url, { viewport: { width: 1440, height: 900 } })
  await away.logIn('Pablo')
  await server.kill()
  await away.say('Written while the server is down')
  await until('the bar', () => away.page.locator('.connection').count())
  await shoot(away, 'light-1440-away')
  console.log(dir)
} finally {
  await browser.close()
  await server.stop()
}

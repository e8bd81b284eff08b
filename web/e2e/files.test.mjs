import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { axe } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

describe('files', { skip: missing() }, () => {
  let server, browser, mary, joe, picture
  before(async () => {
    server = await Server.start({ args: ['--file-size', '600000', '--files-total', '700000'] })
    browser = await launch()
    mary = await Person.arrive(browser, server.url)
    joe = await Person.arrive(browser, server.url)
    await mary.logIn('Mary')
    await joe.logIn('Joe')
    picture = Buffer.from(
      await mary.page.evaluate(async () => {
        const canvas = document.createElement('canvas')
        canvas.width = 900
        canvas.height = 600
        const c = canvas.getContext('2d')
        for (let i = 0; i < 90; i++) {
          c.fillStyle = `hsl(${i * 4} 70% 50%)`
          c.fillRect(i * 10, 0, 10, 600)
        }
        return canvas.toDataURL('image/png').split(',')[1]
      }),
      'base64',
    )
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  const phone = { width: 390, height: 844 }
  const wide = { width: 1440, height: 900 }
  /** Whether nothing is wider than the window. */
  const fitsIn = (person) => person.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)
  /** With SHOTS keeps pictures of what a person sees, at both widths, and dark. */
  const look = async (person, name) => {
    const before = person.page.viewportSize()
    if (!process.env.SHOTS) return
    for (const [viewport, theme] of [[phone, 'light'], [wide, 'light'], [wide, 'dark'], [phone, 'dark']]) {
      await person.page.setViewportSize(viewport)
      await person.page.emulateMedia({ colorScheme: theme })
      await person.page.waitForTimeout(300) // transitions
      await person.page.screenshot({ path: join(process.env.SHOTS, `files-${name}-${viewport.width}-${theme}.png`) })
    }
    await person.page.emulateMedia({ colorScheme: null })
    await person.page.setViewportSize(before)
  }
  const chosen = (person) => person.page.locator('main .upload')

  it('are chosen, shown on their way, and sent with a message', async () => {
    await mary.page.locator('main input[type=file]').setInputFiles([
      { name: 'stripes.png', mimeType: 'image/png', buffer: picture },
      { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('what was said') },
      { name: 'wrong.txt', mimeType: 'text/plain', buffer: Buffer.from('not this one') },
    ])
    await until('all to be there', async () => (await chosen(mary).allInnerTexts()).every((t) => /B$/.test(t.trim())))
    await mary.page.getByRole('button', { name: 'Remove wrong.txt' }).click()
    const thumbnail = chosen(mary).locator('img')
    assert.equal(await thumbnail.evaluate((i) => i.decode().then(() => i.naturalWidth)), 900)
    const address = await thumbnail.getAttribute('src')
    const description = mary.page.getByRole('textbox', { name: 'Description of stripes.png' })
    await description.fill('Stripes in all colours')
    for (const viewport of [phone, wide]) {
      await mary.page.setViewportSize(viewport)
      assert.deepEqual(await axe(mary.page, '.composer'), [])
      assert.ok(await fitsIn(mary), `${viewport.width} px`)
    }
    await look(mary, 'chosen')
    await description.press('Enter') // sends nothing, but goes on to the text
    await mary.page.keyboard.type('two files')
    await mary.page.keyboard.press('Enter')
    await joe.sees('two files')
    const gone = await mary.page.evaluate((src) => new Promise((done) => Object.assign(new Image(), { src, onload: () => done(false), onerror: () => done(true) })), address)
    assert.ok(gone, 'the thumbnail is not kept in memory')
    const row = joe.page.locator('main .message[data-no]', { hasText: 'two files' })
    await until('the picture to be loaded', () => row.locator('.picture img').evaluate((i) => i.complete && i.naturalWidth > 0))
    assert.equal(await row.locator('.picture img').evaluate((i) => i.naturalWidth), 480, 'the small one is shown')
    assert.equal(await row.locator('.file').count(), 1)
    const [download] = await Promise.all([joe.page.waitForEvent('download'), row.locator('.file').click()])
    assert.equal(download.suggestedFilename(), 'notes.txt')
    assert.equal(await row.locator('.picture img').getAttribute('alt'), 'Stripes in all colours')
    await row.locator('.picture').click()
    const dialog = joe.page.getByRole('dialog', { name: 'stripes.png' })
    await dialog.getByRole('img', { name: 'Stripes in all colours' }).waitFor()
    await until('the large one', () => dialog.locator('img').evaluate((i) => i.complete && i.naturalWidth > 480))
    const size = () => dialog.locator('img').evaluate((i) => (({ width, height }) => ({ width, height }))(i.getBoundingClientRect()))
    await until('it to fill the window', async () => (await size()).width === 900 || (await size()).height > 500)
    assert.ok((await size()).height < 800, 'all of it is to be seen')
    await dialog.getByRole('button', { name: 'Show full size' }).click()
    await until('it to be as large as it is', async () => (await size()).width === 900)
    assert.match(await dialog.locator('footer').innerText(), /^Mary, /)
    assert.equal(await dialog.getByRole('link', { name: /Download/ }).evaluate((a) => getComputedStyle(a).textDecorationLine), 'none')
    await joe.page.keyboard.press('Escape')
  })

  it('are pasted and dropped, and sent without a word', async () => {
    for (const kind of ['paste', 'drop']) {
      await mary.page.evaluate(
        ([kind, bytes]) => {
          const data = new DataTransfer()
          data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], `${kind}.png`, { type: 'image/png' }))
          const to = document.querySelector('main textarea')
          const event = kind === 'paste' ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }) : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })
          to.dispatchEvent(event)
        },
        [kind, picture.toString('base64')],
      )
      await until('it to be there', async () => (await chosen(mary).allInnerTexts()).some((t) => t.includes(`${kind}.png`) && /B$/.test(t.trim())))
      await mary.page.locator('main').getByRole('button', { name: 'Send', exact: true }).click()
      await joe.page.locator(`main .picture img[alt="${kind}.png"]`).waitFor()
    }
  })

  it('of one message stand in a grid, and the viewer goes through all pictures of the room', async () => {
    const writers = await Promise.all(['Pablo', 'Alex'].map((name) => server.caller(name)))
    for (let i = 0; i < 16; i++) for (const write of writers) await write('POST', '/rooms/general/messages', { text: `between ${i}` })
    await mary.page.locator('main input[type=file]').setInputFiles(Array.from({ length: 8 }, (_, i) => ({ name: `tile${i}.png`, mimeType: 'image/png', buffer: picture })))
    await until('all to be there', async () => (await chosen(mary).count()) === 8 && (await chosen(mary).allInnerTexts()).every((t) => /B$/.test(t.trim())))
    await mary.say('a gallery')
    await mary.sees('a gallery')
    let withFiles
    await until('it to be found', async () => {
      withFiles = (await writers[0]('GET', '/search?has=file&limit=50')).messages
      return withFiles.some((m) => m.text === 'a gallery')
    })
    const visit = async (text) => { // only the messages around it are loaded
      const { no } = withFiles.find((m) => m.text === text)
      await joe.page.goto(`${server.url}/#/r/general/${no}`)
      await joe.page.reload()
      return joe.page.locator(`main .message[data-no="${no}"]`)
    }
    const row = await visit('a gallery')
    await row.getByRole('button', { name: 'Show all 8 pictures' }).waitFor()
    assert.equal(await row.locator('.picture').count(), 6)
    await row.locator('.picture').last().scrollIntoViewIfNeeded()
    const sizes = await row.locator('.picture').evaluateAll((all) => all.map((p) => (({ width, height }) => Math.round(width) - Math.round(height))(p.getBoundingClientRect())))
    assert.deepEqual(sizes, [0, 0, 0, 0, 0, 0], 'all are square')
    for (const viewport of [phone, wide]) {
      await joe.page.setViewportSize(viewport)
      assert.deepEqual(await axe(joe.page, '.message:last-child'), [])
      assert.ok(await fitsIn(joe), `${viewport.width} px`)
    }
    await look(joe, 'gallery')
    const shown = (name) => joe.page.getByRole('dialog', { name, exact: true }).waitFor()
    await row.locator('.picture').first().focus()
    await joe.page.keyboard.press('Enter')
    await shown('tile0.png')
    await joe.page.keyboard.press('ArrowRight')
    await shown('tile1.png')
    for (const name of ['tile0.png', 'drop.png', 'paste.png', 'stripes.png']) { // from here on the server has them
      await joe.page.keyboard.press('ArrowLeft')
      await shown(name)
    }
    await joe.page.getByText('Stripes in all colours', { exact: true }).waitFor()
    await look(joe, 'viewer')
    assert.deepEqual(await axe(joe.page, 'dialog'), [])
    await joe.page.getByRole('button', { name: 'Next picture' }).click()
    await shown('paste.png')
    await joe.page.locator('.viewer-picture').evaluate((to) => {
      const touch = (clientX) => [new Touch({ identifier: 1, target: to, clientX, clientY: 300 })]
      to.dispatchEvent(new TouchEvent('touchstart', { touches: touch(300), changedTouches: touch(300), bubbles: true }))
      to.dispatchEvent(new TouchEvent('touchend', { touches: [], changedTouches: touch(100), bubbles: true, cancelable: true }))
    })
    await shown('drop.png')
    await joe.page.keyboard.press('Escape')
    // From a place far back it goes on to the newest.
    await (await visit('two files')).locator('.picture').click()
    await shown('stripes.png')
    for (const name of ['paste.png', 'drop.png', 'tile0.png']) {
      await joe.page.keyboard.press('ArrowRight')
      await shown(name)
    }
    await joe.page.keyboard.press('Escape')
  })

  it('of sound and video are played in place, and those that nothing can play are downloaded', async () => {
    const video = Buffer.from(
      await mary.page.evaluate(async () => {
        const canvas = document.createElement('canvas')
        const c = canvas.getContext('2d')
        const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: 'video/webm' })
        const parts = []
        recorder.ondataavailable = (e) => parts.push(e.data)
        recorder.start()
        const paint = setInterval(() => (c.fillStyle = `hsl(${Math.random() * 360} 70% 50%)`, c.fillRect(0, 0, 300, 150)), 20)
        await new Promise((done) => setTimeout(done, 400))
        clearInterval(paint)
        await new Promise((done) => ((recorder.onstop = done), recorder.stop()))
        const read = new FileReader()
        await new Promise((done) => ((read.onload = done), read.readAsDataURL(new Blob(parts))))
        return read.result.split(',')[1]
      }),
      'base64',
    )
    const sound = Buffer.alloc(44 + 8000, 128) // a second of silence
    sound.write('RIFF', 0), sound.writeUInt32LE(36 + 8000, 4), sound.write('WAVEfmt ', 8), sound.writeUInt32LE(16, 16), sound.writeUInt16LE(1, 20), sound.writeUInt16LE(1, 22)
    sound.writeUInt32LE(8000, 24), sound.writeUInt32LE(8000, 28), sound.writeUInt16LE(1, 32), sound.writeUInt16LE(8, 34), sound.write('data', 36), sound.writeUInt32LE(8000, 40)
    const broken = Buffer.concat([Buffer.from('\0\0\0\x18ftypisom'), Buffer.alloc(3000, 7)])
    await mary.page.locator('main input[type=file]').setInputFiles([
      { name: 'clip.webm', mimeType: 'video/webm', buffer: video },
      { name: 'song.wav', mimeType: 'audio/wav', buffer: sound },
      { name: 'broken.mp4', mimeType: 'video/mp4', buffer: broken },
    ])
    await until('all to be there', async () => (await chosen(mary).count()) === 3 && (await chosen(mary).allInnerTexts()).every((t) => /B$/.test(t.trim())))
    await mary.say('to hear and see')
    await mary.sees('to hear and see')
    const row = mary.page.locator('main .message[data-no]', { hasText: 'to hear and see' })
    await row.getByRole('link', { name: /^broken\.mp4/ }).waitFor()
    await row.getByLabel('broken.mp4', { exact: true }).waitFor({ state: 'detached' }) // its player has given up
    const state = (kind, what) => row.locator(kind).evaluate((m, what) => m[what], what)
    await until('a picture of the video', async () => (await state('video', 'readyState')) >= 2)
    assert.equal(await state('video', 'paused'), true, 'nothing plays by itself')
    assert.deepEqual(
      await row.locator('audio').evaluate(async (a) => {
        const range = async (Range) => (await fetch(a.src, { headers: { Range } })).status
        return [await range('bytes=0-9'), await range('bytes=99999-')]
      }),
      [206, 416],
    )
    await row.focus()
    await mary.page.keyboard.press('Tab') // into the first of them
    assert.equal(await row.evaluate((r) => r.contains(document.activeElement) && document.activeElement.matches('audio, video, a, button')), true)
    await row.locator('audio').focus()
    await mary.page.keyboard.press('Space')
    await until('it to play to its end', () => state('audio', 'ended'))
    for (const viewport of [phone, wide]) {
      await mary.page.setViewportSize(viewport)
      assert.deepEqual(await axe(mary.page, '.message:last-child'), [])
      assert.ok(await fitsIn(mary), `${viewport.width} px`)
    }
    await look(mary, 'media')
  })

  it('of a voice are recorded, heard before they are sent, and played by others; cancelled ones leave nothing', async () => {
    const { page } = mary
    const main = page.locator('main')
    const bar = main.getByRole('group', { name: 'Voice message' })
    await page.evaluate(() => {
      const { mediaDevices } = navigator
      const ask = mediaDevices.getUserMedia.bind(mediaDevices)
      window.streams = []
      mediaDevices.getUserMedia = async (what) => {
        if (window.refuse) throw new DOMException('no', window.refuse)
        window.streams.push(await ask(what))
        return window.streams.at(-1)
      }
    })
    const silent = async (times) => {
      await bar.waitFor({ state: 'detached' })
      assert.deepEqual(await page.evaluate(() => window.streams.map((s) => s.active)), Array(times).fill(false), 'the microphone is off')
    }
    const start = async (time) => {
      await main.getByRole('button', { name: 'Record a voice message' }).click()
      await bar.getByRole('timer').filter({ hasText: time }).waitFor()
      assert.equal(await bar.getByRole('status').textContent(), 'Recording')
    }
    await page.setViewportSize(phone)
    await start(/./)
    assert.deepEqual(await axe(page, '.composer'), [])
    assert.ok(await fitsIn(mary), 'recording at 390 px')
    await until('the level to move', () => bar.locator('.recorder-level i').evaluate((i) => i.offsetWidth > 0))
    await look(mary, 'recording')
    await page.keyboard.press('Escape')
    await silent(1)
    assert.equal(await chosen(mary).count(), 0)
    assert.ok(await mary.box.evaluate((field) => field === document.activeElement))
    await page.setViewportSize(wide)
    await start(/./)
    await mary.open('Joe')
    await silent(2)
    await mary.open('General')
    assert.equal(await chosen(mary).count(), 0)

    await start(/[1-9]/) // a second, at least
    await page.keyboard.press('Enter') // the focus is on Stop
    await silent(3)
    await until('it to be there', async () => /B$/.test((await chosen(mary).locator('small').innerText()).trim()))
    const pause = chosen(mary).getByRole('button', { name: 'Pause' }).waitFor() // it lasts for a second or two
    await Promise.all([chosen(mary).getByRole('button', { name: 'Play' }).click(), pause])
    assert.deepEqual(await axe(page, '.composer'), [])
    for (const viewport of [phone, wide]) {
      await page.setViewportSize(viewport)
      assert.ok(await fitsIn(mary), `${viewport.width} px`)
    }
    await look(mary, 'recorded')
    await mary.box.press('Enter')
    const sent = main.locator('.message[data-no]', { has: page.locator('.voice') })
    await sent.waitFor()
    assert.equal(await chosen(mary).count(), 0)

    await joe.page.goto(`${server.url}/#/r/general/${await sent.getAttribute('data-no')}`)
    const player = joe.page.locator('main .message .voice')
    assert.match(await player.locator('.voice-time').innerText(), /^0:0[1-9]$/, 'how long it is')
    await player.evaluate((p) => {
      const [audio, range] = [p.querySelector('audio'), p.querySelector('input')]
      const moved = () => (window.furthest = Math.max(window.furthest ?? 0, range.value))
      for (const event of ['timeupdate', 'ended']) audio.addEventListener(event, moved)
    })
    await player.getByRole('button', { name: 'Play' }).click()
    await until('the position to move', () => joe.page.evaluate(() => window.furthest > 0))
    await player.getByRole('button', { name: 'Play' }).waitFor() // it has ended
    await look(joe, 'voice')

    for (const [why, said] of [['NotAllowedError', /^This site can’t use your microphone/], ['NotFoundError', /^No microphone found/]]) {
      await page.evaluate((why) => (window.refuse = why), why)
      await main.getByRole('button', { name: 'Record a voice message' }).click()
      await main.getByRole('alert').filter({ hasText: said }).waitFor()
      await silent(3)
    }
    await look(mary, 'refused')
    await mary.box.fill('x') // it is read
    await mary.box.fill('')
  })

  it('that cannot be sent say why', async () => {
    const choose = (name, size) => mary.page.locator('main input[type=file]').setInputFiles([{ name, mimeType: 'application/octet-stream', buffer: Buffer.alloc(size) }])
    const refused = (name) => chosen(mary).filter({ hasText: name }).locator('[role=alert]')
    await choose('large.bin', 600_001)
    assert.match(await refused('large.bin').innerText(), /^Too large – the limit is/)
    await choose('fits.bin', 400_000)
    await until('it to be there', async () => /B$/.test((await chosen(mary).filter({ hasText: 'fits.bin' }).innerText()).trim()))
    await choose('more.bin', 400_000)
    assert.match(await refused('more.bin').innerText(), /full|space|storage/i)
    for (const name of ['large.bin', 'fits.bin', 'more.bin']) await mary.page.getByRole('button', { name: `Remove ${name}` }).click()
  })

  it('of a room are in a pane of their own', async () => {
    const { page } = joe
    const open = async () => {
      await page.getByRole('button', { name: 'Room menu' }).click()
      await page.getByRole('menuitem', { name: 'Files' }).click()
    }
    await page.setViewportSize(wide)
    await joe.open('General')
    await open()
    const pane = page.getByRole('complementary', { name: 'Files' })
    await pane.locator('.files-tile img').first().waitFor()
    await until('the newest pictures first', async () => (await pane.locator('.files-tile img').first().getAttribute('alt')) === 'tile0.png')
    assert.equal(await pane.locator('.files-tile').count(), 11)
    assert.deepEqual(await axe(page, '.files-pane'), [])
    await look(joe, 'pane')
    await pane.getByRole('button', { name: 'Show Stripes in all colours' }).click()
    await page.getByRole('dialog', { name: 'stripes.png' }).waitFor()
    await page.keyboard.press('ArrowRight')
    await page.getByRole('dialog', { name: 'paste.png' }).waitFor()
    await page.keyboard.press('Escape')
    await pane.getByRole('tab', { name: 'Pictures' }).focus()
    await page.keyboard.press('ArrowRight') // to media
    await pane.getByText('song.wav').waitFor()
    await page.keyboard.press('End') // to all
    await pane.getByText('notes.txt').waitFor()
    assert.deepEqual(await axe(page, '.files-pane'), [])
    await page.setViewportSize(phone)
    assert.ok(await fitsIn(joe))
    await pane.getByRole('button', { name: 'Go to the message with notes.txt' }).click()
    await pane.waitFor({ state: 'detached' })
    await page.locator('.message[data-no]', { hasText: 'two files' }).waitFor()
    await page.goBack() // to the files
    await pane.waitFor()
    await page.goBack()
    await pane.waitFor({ state: 'detached' })
    await page.setViewportSize(wide)
    await open()
    await pane.getByRole('button', { name: 'Show Stripes in all colours' }).waitFor()
  })

  it('go with their message', async () => {
    const row = mary.page.locator('main .message[data-no]', { hasText: 'two files' })
    const address = await row.locator('.picture img').getAttribute('src')
    const get = (person) => person.page.evaluate((a) => fetch(a).then((r) => r.status), address)
    assert.equal(await get(joe), 200)
    const stranger = await Person.arrive(browser, server.url)
    await stranger.page.goto(server.url)
    assert.equal(await get(stranger), 401)
    await row.hover()
    await row.getByRole('button', { name: 'More', exact: true }).click()
    await mary.page.getByRole('menuitem', { name: 'Delete' }).click()
    await row.waitFor({ state: 'detached' })
    assert.equal(await get(joe), 404)
    await joe.page.getByRole('button', { name: 'Show Stripes in all colours' }).waitFor({ state: 'detached' })
  })

  it('broke nothing', () => assert.deepEqual([...mary.faults, ...joe.faults], []))
})

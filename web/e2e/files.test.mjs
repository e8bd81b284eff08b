import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
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

  const chosen = (person) => person.page.locator('main .upload')

  it('are chosen, shown on their way, and sent with a message', async () => {
    await mary.page.locator('main input[type=file]').setInputFiles([
      { name: 'stripes.png', mimeType: 'image/png', buffer: picture },
      { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('what was said') },
      { name: 'wrong.txt', mimeType: 'text/plain', buffer: Buffer.from('not this one') },
    ])
    await until('all to be there', async () => (await chosen(mary).allInnerTexts()).every((t) => /B$/.test(t.trim())))
    await mary.page.getByRole('button', { name: 'Remove wrong.txt' }).click()
    await mary.say('two files')
    await joe.sees('two files')
    const row = joe.page.locator('main .message[data-no]', { hasText: 'two files' })
    await until('the picture to be loaded', () => row.locator('.picture img').evaluate((i) => i.complete && i.naturalWidth > 0))
    assert.equal(await row.locator('.picture img').evaluate((i) => i.naturalWidth), 480, 'the small one is shown')
    assert.equal(await row.locator('.file').count(), 1)
    const [download] = await Promise.all([joe.page.waitForEvent('download'), row.locator('.file').click()])
    assert.equal(download.suggestedFilename(), 'notes.txt')
    await row.locator('.picture').click()
    const dialog = joe.page.getByRole('dialog', { name: 'stripes.png' })
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
  })

  it('broke nothing', () => assert.deepEqual([...mary.faults, ...joe.faults], []))
})

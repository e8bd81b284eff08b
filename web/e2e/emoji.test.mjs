import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { axe } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { overlaps } from './lib/overlap.mjs'
import { Server } from './lib/server.mjs'

describe('emoji', { skip: missing() }, () => {
  let server, browser
  before(async () => {
    server = await Server.start()
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  it('come by their short code, with the keyboard', async () => {
    const mary = await (await Person.arrive(browser, server.url)).logIn('Mary')
    const { page, box } = mary
    await box.pressSequentially('off we go :rocke')
    await page.getByRole('option', { name: /rocket/ }).first().waitFor()
    await box.press('Enter')
    assert.equal(await box.inputValue(), 'off we go 🚀 ')
    await box.pressSequentially(':tada:')
    await page.waitForFunction(() => document.querySelector('.composer textarea').value === 'off we go 🚀 🎉')
    await box.press('Enter')
    await mary.sees('off we go 🚀 🎉')
    await box.pressSequentially(':smi')
    await page.getByRole('option').first().waitFor()
    await box.press('Escape') // no list, no choice: Enter sends
    await page.getByRole('option').first().waitFor({ state: 'detached' })
    await box.press('Enter')
    await mary.sees(':smi')
    assert.deepEqual(mary.faults, [])
    await mary.context.close()
  })

  for (const width of [390, 1440]) {
    it(`are picked from all there are, at ${width} px`, async () => {
      const mary = await Person.arrive(browser, server.url, { viewport: { width, height: 844 } })
      const { page } = mary
      await mary.enter('Mary')
      const loaded = []
      page.on('request', (r) => loaded.push(new URL(r.url()).pathname))
      await page.locator('.room-item', { hasText: 'General' }).click()
      await mary.box.fill('lunch: ')
      const picker = page.getByRole('dialog', { name: 'Emoji' })
      const button = page.getByRole('button', { name: 'Emoji' })
      await button.focus()
      await page.keyboard.press('Enter')
      await picker.locator('.emoji-cell:visible').first().waitFor()
      assert.ok(loaded.some((p) => /\/Picker-.*\.js$/.test(p)), 'the picker is loaded only now')
      assert.deepEqual(await overlaps(page), [])
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/emoji-${width}.png` })
      await page.keyboard.type('pizza')
      await page.keyboard.press('Enter') // at once, as people who know what they want
      await picker.waitFor({ state: 'detached' })
      assert.equal(await mary.box.inputValue(), 'lunch: 🍕')
      assert.ok(await mary.box.evaluate((e) => e === document.activeElement), 'writing goes on')
      await button.click()
      await picker.waitFor()
      await page.keyboard.press('Escape')
      await picker.waitFor({ state: 'detached' })
      assert.deepEqual(mary.faults, [])
      await mary.context.close()
    })
  }

  it('of the server are added, written, picked and removed, for everyone at once', async () => {
    const [pablo, joe] = await Promise.all([
      Person.arrive(browser, server.url).then((p) => p.enter('Pablo').then(() => p)),
      Person.arrive(browser, server.url, { viewport: { width: 390, height: 844 } }).then((p) => p.enter('Joe').then(() => p)),
    ])
    const shot = (who, name) => process.env.SHOTS && who.page.screenshot({ path: `${process.env.SHOTS}/${name}.png` })
    const picture = '.custom-emoji[alt=":party_blob:"]'
    await pablo.page.goto(`${server.url}/#/admin/emoji`)
    await pablo.page.getByText('No custom emoji yet').waitFor()
    await pablo.page.locator('.admin-form input[type=file]').setInputFiles({ name: 'Party Blob.gif', mimeType: 'image/gif', buffer: Buffer.from(blob, 'base64') })
    await pablo.page.getByAltText('Preview').waitFor()
    assert.equal(await pablo.page.getByLabel('Name', { exact: true }).inputValue(), 'party_blob')
    await pablo.page.getByLabel('Another name').fill('tada')
    await pablo.page.keyboard.press('Enter')
    await pablo.page.getByText('There is an emoji named :tada: already').waitFor()
    await pablo.page.getByLabel('Another name').fill('blobby')
    await pablo.page.keyboard.press('Enter')
    await pablo.page.locator('.lines li', { hasText: ':party_blob: :blobby:' }).locator(picture).waitFor()
    assert.deepEqual(await axe(pablo.page), [])
    await shot(pablo, 'emoji-admin')

    await joe.page.locator('.room-item', { hasText: 'General' }).click()
    await joe.box.pressSequentially(':blobb')
    await joe.page.getByRole('option', { name: /party blob/ }).locator(picture).waitFor()
    await joe.box.press('Enter')
    assert.equal(await joe.box.inputValue(), ':party_blob: ')
    await joe.page.getByRole('button', { name: 'Send', exact: true }).click()
    const large = joe.page.locator(`.markdown.large ${picture}`)
    await large.waitFor()
    assert.ok(await large.evaluate((img) => img.decode().then(() => img.naturalWidth === 16 && img.getBoundingClientRect().height > 25)), 'it is shown, and large')

    await pablo.page.goto(`${server.url}/#/r/general`)
    const message = pablo.page.locator('.message[data-no]').filter({ has: pablo.page.locator(picture) }).first()
    await message.hover()
    await message.getByRole('button', { name: 'React', exact: true }).click()
    const search = pablo.page.locator('.popover .search')
    await pablo.page.locator('.emoji-group', { hasText: 'This server' }).waitFor()
    await shot(pablo, 'emoji-ours')
    await search.fill('blobby')
    await pablo.page.locator(`.emoji-cell ${picture}`).waitFor()
    await search.press('Enter')
    await joe.page.locator(`.reaction ${picture}`).waitFor()
    await shot(joe, 'emoji-message')

    await pablo.page.goto(`${server.url}/#/admin/emoji`)
    await pablo.page.getByRole('button', { name: 'Remove :party_blob:' }).click()
    await pablo.page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await joe.page.locator(picture).first().waitFor({ state: 'detached' })
    await joe.sees(':party_blob:')
    await joe.page.locator('.reaction', { hasText: ':party_blob:' }).waitFor()
    assert.deepEqual([...pablo.faults, ...joe.faults].filter((f) => !/40[09]/.test(f)), [])
    await Promise.all([pablo.context.close(), joe.context.close()])
  })
})

/** Two frames of 16 by 16 pixels. */
const blob =
  'R0lGODlhEAAQAAAAACH/C05FVFNDQVBFMi4wAwEAAAAh+QQBKAAAACwAAAAAEAAQAIEAAAD/UAAAoFAAAAACIISPqRDda5x8aVpk88mX8fuBoeSNj+lE5rayn/JCU1IAACH5BAEoAAAALAAAAAAQABAAgQAAAP9QAACgUAAAAAIghI+pIN1rnHxpWmTzyZfx+4Gh5I2P6UTmtrKf8kJTUgAAOw=='

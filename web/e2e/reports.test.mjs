import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { axe, colours } from './lib/axe.mjs'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server } from './lib/server.mjs'

describe('a message that is reported', { skip: missing() }, () => {
  let server, browser, pablo, mary, joe
  before(async () => {
    server = await Server.start()
    browser = await launch()
    joe = await server.caller('Joe')
    pablo = await Person.arrive(browser, server.url)
    mary = await Person.arrive(browser, server.url)
    await pablo.logIn('Pablo')
    await mary.logIn('Mary')
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })
  const report = async (text, reason) => {
    const { page } = mary
    const message = page.locator('main .message[data-no]', { hasText: text }).last()
    await message.hover()
    await message.getByRole('button', { name: 'More' }).click()
    await page.getByRole('menuitem', { name: 'Report…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Report this message' })
    if (reason) {
      await dialog.getByLabel('What’s wrong with it?').fill(reason)
      assert.deepEqual(await axe(page, 'dialog'), [])
    }
    await dialog.getByRole('button', { name: 'Report', exact: true }).click()
    await page.getByText('Reported. You’ll hear').last().waitFor()
  }

  it('comes to those in charge, who act, and the reporter hears of it', async () => {
    await joe('POST', '/rooms/general/messages', { text: 'something mean' })
    await report('something mean', 'not kind')
    const { page } = pablo
    await page.getByRole('button', { name: 'Reports: 1' }).click()
    const item = page.getByRole('listitem').filter({ hasText: 'something mean' })
    await item.getByRole('heading', { name: 'Joe in General' }).waitFor()
    await item.getByText('not kind').waitFor()
    for (const width of [390, 1440]) {
      for (const colorScheme of ['dark', 'light']) {
        await page.setViewportSize({ width, height: 844 })
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        assert.deepEqual(await axe(page, 'main', colorScheme === 'dark' ? colours : undefined), [])
        if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/reports-${width}-${colorScheme}.png` })
      }
    }
    await item.getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await item.getByLabel('Tell Mary').fill('thank you')
    await item.getByRole('button', { name: 'Done' }).click()
    await page.getByText('Nothing to look at').waitFor()
    await mary.page.getByText('Your report was looked at. Action was taken. thank you').waitFor()
    await mary.page.locator('main .message', { hasText: 'something mean' }).waitFor({ state: 'detached' })
  })

  it('may be fine; the reporter hears that at their next visit, once', async () => {
    await joe('POST', '/rooms/general/messages', { text: 'something fine' })
    await report('something fine')
    await mary.page.goto('about:blank')
    const { page } = pablo
    await page.getByRole('listitem').filter({ hasText: 'something fine' }).getByRole('button', { name: 'No action needed' }).click()
    await page.getByText('Nothing to look at').waitFor()
    const heard = mary.page.getByText('Your report was looked at. No action was needed.')
    await mary.page.goto(server.url)
    await heard.waitFor()
    await mary.page.goto(`${server.url}/#/reports`)
    await mary.page.reload()
    await mary.page.getByRole('region', { name: 'Your reports' }).getByText('No action was needed.').waitFor()
    assert.equal(await heard.count(), 0)
    for (const who of [pablo, mary]) assert.deepEqual(who.faults, [])
  })
})

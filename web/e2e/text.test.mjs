import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

describe('text from outside', { skip: missing() }, () => {
  let server, browser, mary, joe
  before(async () => {
    server = await Server.start()
    browser = await launch()
    mary = await Person.arrive(browser, server.url)
    await mary.logIn('Mary')
    joe = await server.caller('Joe')
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })
  const newest = async () => (await joe('GET', '/rooms/general/messages?limit=1')).messages[0].text
  const paste = (items) =>
    mary.box.evaluate((field, given) => {
      const data = new DataTransfer()
      for (const [type, value] of Object.entries(given)) {
        if (type === 'file') data.items.add(new File([Uint8Array.from(atob(value), (c) => c.charCodeAt(0))], 'image.png', { type: 'image/png' }))
        else data.setData(type, value)
      }
      field.focus()
      field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
    }, items)
  const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

  it('is sent well-formed where an emoji was cut in two, and holds nothing up', async () => {
    for (const text of ['cut \ud83d', 'next', '\ude00 cut', 'last']) {
      await mary.box.evaluate((field, value) => {
        Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(field, value)
        field.dispatchEvent(new Event('input', { bubbles: true }))
      }, text)
      await mary.box.press('Enter')
    }
    await mary.sees('last')
    const { messages } = await joe('GET', '/rooms/general/messages?limit=4')
    assert.deepEqual(messages.map((m) => m.text), ['cut \ufffd', 'next', '\ufffd cut', 'last'])
  })

  it('gets its soft line breaks as line breaks', async () => {
    await paste({ 'text/plain': 'line one\u000bline two\u2028line three\u0007' })
    assert.equal(await mary.box.inputValue(), 'line one\nline two\nline three')
    await mary.box.press('Enter')
    await mary.sees('line three')
    assert.equal(await newest(), 'line one\nline two\nline three')
  })

  it('keeps its formatting when it is pasted, from the clipboard of the browser, or loses it if one wants that', async () => {
    const { page } = mary
    await page.evaluate(() => {
      document.addEventListener('copy', (e) => {
        e.preventDefault()
        e.clipboardData.setData('text/plain', 'a b\r\nc')
        e.clipboardData.setData('text/html', '<p style="font-weight: 400">a <b>b</b></p><ul><li>c</li></ul>')
      }, { once: true })
      document.execCommand('copy')
    })
    for (const [key, want] of [['Control+V', 'a **b**\n\n- c'], ['Control+Shift+V', 'a b\nc']]) {
      await page.locator('.message').last().focus() // wherever one is
      await page.keyboard.press(key)
      await until(`${key} to paste`, async () => (await mary.box.inputValue()) === want)
      await page.keyboard.press('Control+Z')
      assert.equal(await mary.box.inputValue(), '')
    }
    assert.deepEqual(mary.faults, [])
  })

  it('is pasted as text where it comes with a picture of itself, and as a picture if one wants that', async () => {
    const { page } = mary
    await paste({ 'text/plain': 'Item\tCost\nPaper\t12', 'text/html': '<table><tr><td>Item</td><td>Cost</td></tr></table>', file: png })
    assert.equal(await mary.box.inputValue(), 'Item\tCost\nPaper\t12')
    assert.equal(await page.locator('.upload').count(), 0)
    await page.locator('.composer-note').getByRole('button', { name: 'Paste as picture' }).click()
    await page.locator('.upload', { hasText: 'image.png' }).waitFor()
    await page.getByRole('button', { name: 'Remove image.png' }).click()
    await mary.box.fill('')
    await paste({ file: png }) // a screenshot
    await page.locator('.upload', { hasText: 'image.png' }).waitFor()
    await page.getByRole('button', { name: 'Remove image.png' }).click()
  })

  it('that the server refuses can be taken back and changed, while later messages go', async () => {
    const { page } = mary
    // Something on the way spoils the frame.
    await page.evaluate(() => {
      const { send } = WebSocket.prototype
      WebSocket.prototype.send = function (frame) {
        send.call(this, frame.includes('"spoilt"') ? 'not JSON at all' : frame)
      }
    })
    await mary.say('spoilt')
    await mary.say('after it')
    await mary.sees('after it')
    const failed = page.locator('.message[data-state=failed]', { hasText: 'spoilt' })
    await failed.getByRole('button', { name: 'Edit' }).click()
    assert.equal(await mary.box.inputValue(), 'spoilt')
    await failed.waitFor({ state: 'detached' })
    await mary.box.fill('mended')
    await mary.box.press('Enter')
    await mary.sees('mended')
    assert.deepEqual(mary.faults, [])
  })

  it('waits for a server that cannot store it now, and says why', async () => {
    const pablo = await Person.arrive(browser, server.url)
    let full = true
    await pablo.page.routeWebSocket(/\/api\/v1\/ws/, (ws) => {
      const there = ws.connectToServer()
      ws.onMessage((frame) => {
        const { id, method } = JSON.parse(frame)
        if (!full || method !== 'message.send') return there.send(frame)
        ws.send(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32000, message: 'the store is read-only', data: { code: 'unavailable', retry_after_ms: 300 } } }))
      })
    })
    await pablo.logIn('Pablo')
    await pablo.say('held back')
    await pablo.page.locator('.message[data-state=pending]', { hasText: 'The store is read-only. This message will be sent as soon as possible.' }).waitFor()
    full = false
    await pablo.sees('held back')
    await pablo.context.close()
  })
})

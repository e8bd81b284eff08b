import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { launch, missing, Person } from './lib/browser.mjs'
import { until } from './lib/process.mjs'

// The chat below a path of another program, which logs people in:
// examples/embed.

describe('inside another program', { skip: missing() }, () => {
  let dir, office, ended, url, browser
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'parley-embed-'))
    const binary = join(dir, 'embed')
    execFileSync('go', ['build', '-trimpath', '-o', binary, './examples/embed'], { cwd: fileURLToPath(new URL('../..', import.meta.url)), stdio: 'inherit' })
    office = spawn(binary, [], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, LISTEN: '127.0.0.1:0', DATA: join(dir, 'data') } })
    ended = new Promise((done) => office.once('exit', done))
    let output = ''
    office.stdout.on('data', (chunk) => (output += chunk))
    url = await until('the program to listen', () => /listening on (http:\S+)\n/.exec(output)?.[1])
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    office?.kill('SIGINT')
    await ended
    rmSync(dir, { recursive: true, force: true })
  })

  /** Somebody who has chosen who they are, in the chat. */
  const enter = async (name) => {
    const person = await Person.arrive(browser, url, { serviceWorkers: 'allow' })
    await person.page.goto(`${url}/chat/`)
    assert.equal(new URL(person.page.url()).pathname, '/login')
    await person.page.getByRole('button', { name }).click()
    await person.page.getByRole('link', { name: 'Chat' }).click()
    await person.box.waitFor()
    assert.equal(new URL(person.page.url()).pathname, '/chat/')
    return person
  }

  it('one is who one is there, with all that the client loads', async () => {
    const ada = await enter('Ada')
    const ben = await enter('Ben')
    const strays = []
    for (const { page } of [ada, ben]) {
      page.on('request', (r) => {
        if (!new URL(r.url()).pathname.startsWith('/chat/')) strays.push(r.url())
      })
    }
    await ben.say('from below a path')
    await ada.sees('from below a path')
    await ada.page.locator('input[type=file]').first().setInputFiles({ name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('a file') })
    await ada.page.getByText('note.txt').first().waitFor()
    await ada.say('with a file')
    await ben.sees('with a file')
    const file = ben.page.getByRole('link', { name: /note\.txt/ }).first()
    assert.equal(await ben.page.evaluate((at) => fetch(at).then((r) => r.text()), await file.getAttribute('href')), 'a file')

    // What is kept for when there is no connection is kept below the path.
    await ada.page.evaluate(() => navigator.serviceWorker.ready)
    const paths = await ada.page.evaluate(async () => {
      const all = []
      for (const name of await caches.keys()) for (const req of await (await caches.open(name)).keys()) all.push(new URL(req.url).pathname)
      return all
    })
    assert.ok(paths.includes('/chat/') && paths.some((p) => /^\/chat\/assets\/app-[\w-]+\.js$/.test(p)), `${paths}`)
    await ada.page.reload()
    await ada.sees('with a file')
    assert.deepEqual(strays, [])
    assert.deepEqual([...ada.faults, ...ben.faults], [])

    // What the program says.
    const office = await ada.context.newPage()
    await office.goto(url)
    await office.getByRole('button', { name: 'Ship an order' }).click()
    await ben.open('Orders')
    await ben.sees('Ada has shipped order 1.')
    await ada.context.close()
    await ben.context.close()
  })

  it('who logs out there is out here, and at once', async () => {
    const ada = await enter('Ada')
    const elsewhere = await enter('Ada') // in another browser
    const ben = await enter('Ben')
    const second = await ada.context.newPage()
    await second.goto(`${url}/chat/`)
    await second.getByRole('textbox', { name: /^Message to/ }).waitFor()

    await ada.page.locator('.account-button').click()
    await ada.page.getByRole('menuitem', { name: 'Settings' }).click()
    await ada.page.getByRole('link', { name: 'Account' }).click()
    await ada.page.getByRole('heading', { name: 'Devices' }).waitFor()
    assert.equal(await ada.page.getByRole('button', { name: /^Change (password|name)/ }).count(), 0)
    await ada.page.getByRole('button', { name: 'Back to the chat' }).click()
    await ada.page.locator('.account-button').click()
    await ada.page.getByRole('menuitem', { name: 'Log out' }).click()
    await ada.page.waitForURL(`${url}/logout`)
    await ada.page.getByRole('button', { name: 'Log out' }).click()
    await ada.page.waitForURL(`${url}/`)
    const link = second.getByRole('link', { name: 'Log in' }) // the page that was open shows no password's form
    await link.waitFor()
    assert.equal(await second.getByLabel('Password').count(), 0)
    await link.click()
    await second.getByRole('button', { name: 'Ben' }).waitFor()

    // The other browser is still logged in: its connection was closed too, and
    // it comes back by itself.
    await ben.say('are you there?')
    await elsewhere.sees('are you there?')
    assert.equal(await elsewhere.page.getByRole('link', { name: 'Log in' }).count(), 0)
    await elsewhere.say('still here')
    await ben.sees('still here')
    for (const person of [ada, elsewhere, ben]) {
      assert.deepEqual(person.faults, [])
      await person.context.close()
    }
  })
})

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { binary, Server, shared, until } from './lib/server.mjs'

const rounds = 2
const perRound = 12

describe('a server that is killed while two people write', { skip: missing() }, () => {
  let server, browser, people
  before(async () => {
    server = await Server.start()
    browser = await launch()
    people = [await Person.arrive(browser, server.url, { serviceWorkers: 'allow' }), await Person.arrive(browser, server.url)]
    await people[0].logIn('Mary')
    await people[1].logIn('Joe')
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  it('loses nothing, doubles nothing, and has one order for both', async () => {
    const written = [[], []]
    for (let round = 0; round < rounds; round++) {
      let running = true
      const write = async (who) => {
        for (let i = 0; running; i++) {
          const text = `${who ? 'Joe' : 'Mary'} ${round}-${i}`
          written[who].push(text)
          await people[who].say(text)
        }
      }
      const writers = [write(0), write(1)]
      await until('a few messages', () => written.every((w) => w.length >= perRound * (2 * round + 1)), 60_000)
      await server.kill()
      const goal = written.map((w) => w.length + perRound / 2)
      await until('a few more while it is down', () => written.every((w, i) => w.length >= goal[i]), 60_000)
      await server.launch()
      running = false
      await Promise.all(writers)
    }
    const all = written.flat().length
    const mine = async (person) => (await person.texts()).filter((t) => /^(Mary|Joe) \d+-\d+$/.test(t))
    for (const person of people) {
      await until('every message, once', async () => (await mine(person)).length >= all && (await person.page.locator('.message.pending').count()) === 0, 60_000)
    }
    const [mary, joe] = [await mine(people[0]), await mine(people[1])]
    assert.equal(mary.length, all)
    assert.equal(new Set(mary).size, all)
    assert.deepEqual(mary, joe)
    assert.deepEqual(mary.filter((t) => t.startsWith('Mary')), written[0])
    assert.deepEqual(mary.filter((t) => t.startsWith('Joe')), written[1])
    const api = await server.caller('Alex')
    const { messages } = await api('GET', '/rooms/general/messages?limit=200')
    assert.deepEqual(messages.map((m) => m.text).filter((t) => /^(Mary|Joe) \d+-\d+$/.test(t)), mary.slice(-messages.length))
    for (const person of people) assert.deepEqual(person.faults, [])
  })

  it('shows what a restored backup has, then what another server has, and mixes nothing', { skip: shared && 'the data are in one directory only without Redis' }, async () => {
    const [{ page, box }, node] = [people[0], server.nodes[0]]
    const draft = 'a draft for this server'
    const backup = `${server.data}-backup`
    const parley = (...args) => execFileSync(binary(), args, { stdio: 'pipe', env: { PATH: process.env.PATH } })
    const at = async (data, begin) => {
      await node.kill()
      await begin?.()
      node.args[node.args.indexOf('--data') + 1] = data
      await node.launch()
      for (const person of people) await person.page.evaluate(() => window.dispatchEvent(new Event('online'))) // they try at once
    }
    try {
      parley('backup', backup, '--data', server.data)
      await people[0].say('written after the backup')
      await people[0].sees('written after the backup')
      await box.fill(draft)
      await page.waitForFunction((text) => JSON.stringify(localStorage).includes(text), draft)

      await at(server.data, async () => {
        await people[1].say('not sent yet')
        rmSync(server.data, { recursive: true })
        parley('restore', backup, '--data', server.data)
      })
      await page.locator('.message', { hasText: 'written after the backup' }).waitFor({ state: 'detached' })
      await people[0].sees('not sent yet')
      assert.equal(await box.inputValue(), draft)
      await people[0].say('written after it was restored')
      await people[1].sees('written after it was restored')
      await box.fill(draft)
      await page.waitForFunction((text) => Object.entries(localStorage).some(([key, value]) => key.startsWith('parley:draft:') && value === text), draft)

      await at(`${backup}-other`)
      await page.getByRole('button', { name: 'Log in' }).waitFor()
      await people[0].typeIn('Mary')
      assert.equal(await box.inputValue(), '')
      assert.equal(await page.getByText('written after it was restored').count(), 0)
      for (const person of people) assert.deepEqual(person.faults, [])
    } finally {
      for (const dir of [backup, `${backup}-other`]) rmSync(dir, { recursive: true, force: true })
    }
  })
})

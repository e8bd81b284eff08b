import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

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
})

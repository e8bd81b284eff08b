import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { Redis } from './lib/redis.mjs'
import { Server, shared } from './lib/server.mjs'

describe('a server that can be read and saves nothing', { skip: missing(true) }, () => {
  let redis, server, browser, mary
  before(async () => {
    if (!shared) redis = await Redis.start()
    server = await Server.start(shared ? {} : { args: ['--store', redis.url] })
    redis ??= server.redis
    browser = await launch()
    mary = await (await Person.arrive(browser, server.url)).logIn('Mary')
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
    if (!shared) await redis?.stop()
  })
  const bar = () => mary.page.locator('.connection', { hasText: 'can’t save anything right now' })

  it('says so when it is full, goes on showing messages, and sends what was written once there is room', async () => {
    await mary.say('before')
    await mary.sees('before')
    assert.equal(await bar().count(), 0)
    await redis.do('CONFIG SET maxmemory 1')
    await mary.say('while it is full')
    await bar().waitFor()
    assert.ok((await mary.texts()).includes('before'))
    await redis.do('CONFIG SET maxmemory 0')
    await bar().waitFor({ state: 'detached' })
    const joe = await server.caller('Joe')
    const { messages } = await joe('GET', '/rooms/general/messages')
    assert.deepEqual(messages.slice(-2).map((m) => m.text), ['before', 'while it is full'])
  })

  it('says so to somebody who opens the page after a change that was not kept', async () => {
    const joe = await server.caller('Joe')
    await redis.do('CONFIG SET maxmemory 1')
    await assert.rejects(joe('POST', '/rooms/general/messages', { text: 'not kept' }), /unavailable|503/)
    await mary.page.reload()
    await bar().waitFor()
    await redis.do('CONFIG SET maxmemory 0')
    await bar().waitFor({ state: 'detached' })
  })
})

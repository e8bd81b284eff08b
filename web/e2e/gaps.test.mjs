import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { launch, missing, Person } from './lib/browser.mjs'
import { Server, until } from './lib/server.mjs'

describe('a connection that is not what it should be', { skip: missing() }, () => {
  let server, browser, mary, joe, line
  before(async () => {
    server = await Server.start()
    joe = await server.caller('Joe')
    browser = await launch()
    mary = await Person.arrive(browser, server.url)
    // Between the real client and the real server: it may lose a frame, and
    // make one up.
    line = { lose: () => false, asked: [] }
    await mary.page.routeWebSocket(/\/ws$/, (near) => {
      const far = near.connectToServer()
      line.near = near
      near.onMessage((frame) => {
        line.asked.push(JSON.parse(frame).method)
        far.send(frame)
      })
      far.onMessage((frame) => {
        if (!line.lose(JSON.parse(frame))) near.send(frame)
      })
    })
    await mary.logIn('Mary')
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })
  const post = (text) => joe('POST', '/rooms/general/messages', { text })
  const tell = (method, params) => line.near.send(JSON.stringify({ jsonrpc: '2.0', method, params }))
  const newest = async (n) => (await mary.texts()).slice(-n)

  it('loses an event: the next one shows the gap, and both are there', async () => {
    await post('one')
    await mary.sees('one')
    line.asked.length = 0
    line.lose = (f) => f.method === 'event' && f.params.message?.text === 'two' && !line.asked.includes('sync')
    await post('two')
    await post('three')
    await mary.sees('three')
    assert.deepEqual(await newest(3), ['one', 'two', 'three'])
    assert.equal(line.asked.filter((m) => m === 'sync').length, 1)
    line.lose = () => false
  })

  it('repeats an event: it is there once', async () => {
    const { events } = await joe('GET', `/rooms/general/events?${new URLSearchParams({ epoch: (await joe('GET', '/rooms/general')).position.epoch, seq: '5' })}`)
    for (const e of events) tell('event', e)
    await post('four')
    await mary.sees('four')
    assert.deepEqual(await newest(4), ['one', 'two', 'three', 'four'])
  })

  it('says resync for the room: it is fetched again, and goes on', async () => {
    const { position } = await joe('GET', '/rooms/general')
    line.asked.length = 0
    tell('resync', { stream: 'room:general', position })
    await until('the room to be fetched', () => line.asked.includes('room.get') && line.asked.includes('message.list'))
    await post('five')
    await mary.sees('five')
    assert.deepEqual(await newest(5), ['one', 'two', 'three', 'four', 'five'])
    await mary.say('and mine')
    await mary.sees('and mine')
  })

  it('says resync for oneself: everything is fetched again, and goes on', async () => {
    line.asked.length = 0
    const me = (await server.caller('Mary')).user.id
    tell('resync', { stream: `user:${me}`, position: { epoch: 'another', seq: 0 } })
    await until('a sync', () => line.asked.includes('sync') && line.asked.includes('message.list'))
    await post('six')
    await mary.sees('six')
    assert.deepEqual(await newest(3), ['five', 'and mine', 'six'])
  })

  it('says resync for the server: the people are fetched again', async () => {
    line.asked.length = 0
    tell('resync', { stream: 'server', position: { epoch: 'another', seq: 0 } })
    await until('the people', () => line.asked.includes('user.list'))
    assert.ok(await mary.page.locator('.room-title', { hasText: /^Joe$/ }).count())
  })

  it('speaks of things that this client does not know', async () => {
    tell('weather', { rain: true })
    tell('signal', { stream: 'room:general', kind: 'waving', user: 'x' })
    await post('seven')
    await mary.sees('seven')
    assert.deepEqual(mary.faults, [])
  })
})

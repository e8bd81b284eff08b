// What the client costs a browser: bytes over the wire, the time until it is
// ready on a slow machine, and the work that a message makes. By hand, since a
// test judges no times: npm run speed.

import { launch, Person } from './lib/browser.mjs'
import { Server } from './lib/server.mjs'

const rooms = Number(process.argv[2] ?? 1_980) // a person may be in 2,000
const slowdown = 4
const messages = 60
const pause = 120 // ms between two messages, so that each comes alone

const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`
const sleep = (ms) => new Promise((done) => setTimeout(done, ms))
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1]

const server = await Server.start({ args: ['--max-rooms=100000', '--max-sends=-1', '--max-calls=-1'] })
const browser = await launch()

/**
 * The functions in which a page has spent its time, by a profile of V8: those
 * that took longest, what they called left out.
 */
function hot(profile) {
  const names = new Map(profile.nodes.map((n) => [n.id, `${n.callFrame.functionName || '(no name)'} ${n.callFrame.url.split('/').pop()}:${n.callFrame.lineNumber + 1}`]))
  const spent = new Map()
  profile.samples.forEach((id, i) => spent.set(names.get(id), (spent.get(names.get(id)) ?? 0) + profile.timeDeltas[i] / 1000))
  for (const name of spent.keys()) if (/^\((idle|program|root)\)/.test(name)) spent.delete(name)
  const all = [...spent.values()].reduce((sum, ms) => sum + ms, 0)
  return [...spent].toSorted((a, b) => b[1] - a[1]).slice(0, 8).map(([name, ms]) => `    ${((100 * ms) / all).toFixed(0).padStart(4)} %  ${name}`)
}

/**
 * Opens the chat for the first time on a slow processor; says when, in ms, it
 * was painted and ready, and how long the page's thread worked until then,
 * slowed down as it was.
 */
async function arrive(storageState) {
  const slow = await Person.arrive(browser, server.url, { serviceWorkers: 'allow', storageState: { ...storageState, origins: [] } })
  const cdp = await slow.page.context().newCDPSession(slow.page)
  await cdp.send('Performance.setTimeDomain', { timeDomain: 'threadTicks' }).catch(() => {})
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' })
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: slowdown })
  await slow.page.goto(server.url, { waitUntil: 'commit' })
  await ready(slow.page)
  const { metrics } = await cdp.send('Performance.getMetrics')
  const work = metrics.find((m) => m.name === 'TaskDuration').value * 1000
  const times = await slow.page.evaluate(() => ({ ready: performance.now(), paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? performance.now() }))
  await slow.context.close()
  return { ...times, work }
}

function tellArrivals(what, times) {
  const of = (key) => Math.round(median(times.map((t) => t[key])))
  console.log(`first load at 1/${slowdown} of the processor${what}: something painted after ${of('paint')} ms, ready after ${of('ready')} ms; the page's thread worked ${of('work')} ms (medians of ${times.length})`)
}

/** Counts what comes over the wire for a page, without what its worker keeps for later. */
async function weigh(page) {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Network.enable')
  const urls = new Map()
  const parts = []
  cdp.on('Network.responseReceived', (e) => urls.set(e.requestId, e.response.url))
  cdp.on('Network.loadingFinished', (e) => parts.push([new URL(urls.get(e.requestId) ?? 'x:').pathname, e.encodedDataLength]))
  let frames = 0
  cdp.on('Network.webSocketFrameReceived', (e) => (frames += e.response.payloadData.length))
  return () => ({ total: parts.reduce((sum, [, n]) => sum + n, 0), frames, parts: parts.toSorted((a, b) => b[1] - a[1]) })
}

function tell(what, { total, frames, parts }) {
  console.log(`${what}: ${kib(total)} over the wire${frames ? `, and ${kib(frames)} of frames` : ''}`)
  for (const [path, n] of parts.slice(0, 8)) console.log(`    ${kib(n).padStart(10)}  ${path}`)
}

const ready = (page) => page.getByRole('textbox', { name: /^Message to (?!thread in)/ }).waitFor()

try {
  // Weight: a browser that was never here.
  const new1 = await Person.arrive(browser, server.url, { serviceWorkers: 'allow' })
  const first = await weigh(new1.page)
  await new1.page.goto(server.url)
  await new1.page.getByLabel('Password').waitFor()
  await new1.page.waitForLoadState('networkidle')
  tell('the log-in page', first())
  await new1.logIn('Joe')
  const state = await new1.context.storageState()
  await new1.context.close()

  const new2 = await Person.arrive(browser, server.url, { serviceWorkers: 'allow', storageState: { ...state, origins: [] } })
  const second = await weigh(new2.page)
  await new2.page.goto(server.url)
  await ready(new2.page)
  await new2.page.waitForLoadState('networkidle')
  tell('the chat, first load', second())
  await sleep(4_000)
  tell('the chat, with what it loads ahead', second())
  await new2.context.close()

  // Ready, on a processor that is four times slower.
  const times = []
  for (let i = 0; i < 5; i++) times.push(await arrive(state))
  tellArrivals('', times)

  // Work per message, with many rooms.
  const joe = await server.caller('Joe')
  const mary = await server.caller('Mary')
  // Twenty at once: they wait for the same disk.
  const make = async (from) => {
    for (let i = from; i < rooms; i += 20) {
      const room = await mary('POST', '/rooms', { name: `Room ${i}`, kind: 'public' })
      await joe('POST', `/rooms/${room.id}/join`)
      if (i === 0) server.other = room.id
    }
  }
  await Promise.all(Array.from({ length: 20 }, (_, i) => make(i)))
  const full = await (await Person.arrive(browser, server.url, { serviceWorkers: 'allow' })).logIn('Joe')
  await full.open('General')
  const cdp = await full.context.newCDPSession(full.page)
  await cdp.send('Performance.setTimeDomain', { timeDomain: 'threadTicks' }).catch(() => {})
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' })
  const spent = async () => Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map((m) => [m.name, m.value * 1000]))
  const work = async (what, act) => {
    await sleep(1_500)
    await cdp.send('Profiler.start')
    for (let i = 0; i < messages / 3; i++) {
      await act(i)
      await sleep(pause)
    }
    const { profile } = await cdp.send('Profiler.stop')
    await sleep(500)
    const before = await spent()
    for (let i = 0; i < messages; i++) {
      await act(i)
      await sleep(pause)
    }
    await sleep(500)
    const after = await spent()
    const ms = (name) => ((after[name] - before[name]) / messages).toFixed(1)
    console.log(`${what}, at ${rooms} rooms: ${ms('TaskDuration')} ms of the page's thread (script ${ms('ScriptDuration')}, style ${ms('RecalcStyleDuration')}, layout ${ms('LayoutDuration')})`)
    for (const line of hot(profile)) console.log(line)
  }
  await cdp.send('Profiler.enable')
  await work('nothing', async () => {})
  await work('a message in the open room', (i) => mary('POST', '/rooms/general/messages', { text: `message ${i}` }))
  await work('a message in another room', (i) => mary('POST', `/rooms/${server.other}/messages`, { text: `message ${i}` }))

  const slow = []
  const kept = await full.context.storageState()
  for (let i = 0; i < 3; i++) slow.push(await arrive(kept))
  tellArrivals(`, at ${rooms} rooms`, slow)
} finally {
  await browser.close()
  await server.stop()
}

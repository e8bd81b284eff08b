// Prints what happens in a room as Redis rings it, and posts each line of standard input.
//
//   REDIS_URL=redis://localhost:6379 PARLEY_URL=http://localhost:8080 PARLEY_TOKEN=… node listener.mjs [room]
//
// REDIS_URL may name several nodes of a cluster, separated by commas. Without PARLEY_TOKEN it only listens, and says when it
// missed something; with one it reads what it missed over REST. See docs/redis.md.
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'

const room = process.argv[2] ?? 'general'
const { REDIS_URL = 'redis://localhost:6379', PARLEY_URL = 'http://localhost:8080', PARLEY_TOKEN = '', PARLEY_PREFIX = 'parley' } = process.env
const channel = `${PARLEY_PREFIX}:{room:${room}}:bell`

// rest does one request. An answer that says "try again", and no answer, are tried again: requests name what they
// do with a client_id, so that twice is once.
async function rest(method, path, body) {
  for (let attempt = 1; ; attempt++) {
    let res, answer
    try {
      res = await fetch(`${PARLEY_URL}/api/v1${path}`, {
        method,
        headers: { Authorization: `Bearer ${PARLEY_TOKEN}`, 'Content-Type': 'application/json', 'Parley-Device': 'node-listener' },
        body: body && JSON.stringify(body),
      })
      answer = await res.json()
    } catch (error) {
      answer = { detail: error.message }
    }
    if (res?.ok) return answer
    const passes = !res || res.status === 429 || res.status >= 500
    if (!passes || attempt === 8) throw Object.assign(new Error(`${method} ${path}: ${answer.detail}`), { code: answer.code })
    await sleep(Math.random() * Math.min(10_000, 250 * 2 ** attempt))
  }
}

// The place in the room's log: everything up to it was printed, or there before. Redis' publish and subscribe may lose messages; numbers tell.
let position

function print(event) {
  position = { epoch: event.epoch, seq: event.seq, id: event.id }
  const { message } = event
  console.log(message ? `#${message.no} ${message.from}: ${message.text}` : `(${event.kind})`)
}

async function heard(payload) {
  const event = JSON.parse(payload)
  if (!event.seq) return console.log(`(${event.kind} ${event.user})`) // a signal: it has no number, and may get lost
  if (position?.epoch === event.epoch && event.seq <= position.seq) return // known
  if (!position || (position.epoch === event.epoch && event.seq === position.seq + 1 && event.prev === position.id)) return print(event)
  if (PARLEY_TOKEN) return repair()
  console.log('(something was missed)')
  print(event)
}

// repair reads what came after the position.
async function repair() {
  try {
    for (let more = true; more;) {
      const { epoch, seq, id } = position
      const page = await rest('GET', `/rooms/${room}/events?${new URLSearchParams({ epoch, seq, id })}`)
      page.events.forEach(print)
      more = page.more
    }
  } catch (error) {
    if (error.code !== 'resync') throw error
    console.log('(too much was missed)')
    position = (await rest('GET', `/rooms/${room}`)).position
  }
}

// One thing at a time, in order.
let last = Promise.resolve()
const then = (step) => (last = last.then(step).catch((error) => console.error(error.message)))

const urls = REDIS_URL.split(',')
const { username, password, protocol } = new URL(urls[0]) // a cluster's nodes name each other without them
const redisOptions = { username, password: decodeURIComponent(password), tls: protocol === 'rediss:' ? {} : undefined }
const redis = urls.length > 1 ? new Cluster(urls, { shardedSubscribers: true, slotsRefreshInterval: 1000, redisOptions }) : new Redis(urls[0], { retryStrategy: (n) => Math.min(n * 100, 2000) })
redis.on('error', (error) => console.error(`redis: ${error.message}`))
redis.on('smessage', (_, payload) => then(() => heard(payload)))

// First subscribe, and have it confirmed, then read where the room is: what comes between is heard, and known.
async function attach() {
  await redis.ssubscribe(channel)
  if (!PARLEY_TOKEN) return
  if (position) return repair()
  position = (await rest('GET', `/rooms/${room}`)).position
}
await attach()
console.log(`listening to ${channel}`)
// ioredis comes back by itself after a lost connection (in a cluster when it next looks at the slots, and says so
// otherwise). What was rung meanwhile is in the log.
for (const name of ['ready', 'subscribersReady']) redis.on(name, () => then(attach))
// A loss shows with the next event. This is for the last one before a quiet time.
setInterval(() => PARLEY_TOKEN && then(repair), 30_000).unref()

createInterface({ input: process.stdin }).on('line', (text) => {
  if (!PARLEY_TOKEN) return console.error('PARLEY_TOKEN is needed to post')
  const client_id = randomUUID()
  rest('POST', `/rooms/${room}/messages`, { text, client_id }).catch((error) => console.error(error.message))
})
process.once('SIGINT', () => {
  redis.disconnect()
  process.exit(0)
})

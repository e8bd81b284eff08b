// Has a built server write small data in its layout, for testdata/layouts:
//
//   node scripts/layout.mjs bin/parley sqlite testdata/layouts/sqlite-9.tar.zst
//   node scripts/layout.mjs bin/parley redis testdata/layouts/redis-3.tar.zst
//
// Run it with the binary of the last commit that wrote a layout, when a newer one comes. What that binary does not know is left out.
// The archive holds the data, and in answers.json what the server said of them at its end, which TestLayouts compares.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const [binary, store, out] = process.argv.slice(2)
const dir = mkdtempSync(join(tmpdir(), 'layout'))
const children = []

function start(program, ...args) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  child.ended = new Promise((resolve) => child.on('exit', resolve))
  return child
}

// serve starts the server, and returns it with its address.
async function serve() {
  const where = store === 'redis' ? ['--store', `unix://${dir}/redis.sock`] : ['--data', dir]
  const server = start(binary, 'serve', '--demo', '--listen', '127.0.0.1:0', ...where)
  const address = await new Promise((resolve, reject) => {
    let printed = ''
    server.stdout.on('data', (chunk) => {
      printed += chunk
      const open = printed.match(/open: *(\S+)\n/)
      if (open) resolve(open[1])
    })
    server.ended.then(() => reject(new Error(`the server ended: ${printed}`)))
  })
  return [server, address + '/api/v1']
}

async function write(api) {
  const people = {}
  async function call(who, method, path, body, type = 'application/json') {
    const headers = { 'Content-Type': type, 'Parley-Device': 'layout' }
    if (people[who]) headers.Authorization = `Bearer ${people[who].token}`
    const raw = type !== 'application/json'
    const res = await fetch(api + path, { method, headers, body: raw ? body : body && JSON.stringify(body) })
    const text = await res.text()
    if (!res.ok) {
      console.log(`  ${res.status} ${method} ${path} ${text.slice(0, 120)}`)
      return undefined
    }
    return JSON.parse(text)
  }
  const no = async (who, room, message) => (await call(who, 'POST', `/rooms/${room}/messages`, message))?.no

  for (const name of ['Pablo', 'Joe', 'Mary']) {
    people[name] = await call('', 'POST', '/sessions', { name, password: 'password123' })
  }
  const id = (name) => people[name].user.id
  const open = await call('Pablo', 'POST', '/rooms', { kind: 'public', name: 'Upgrades', topic: 'What stays' })
  const secret = await call('Joe', 'POST', '/rooms', { kind: 'private', name: 'Secret' })
  const direct = await call('Pablo', 'POST', '/direct', { user: id('Joe') })
  const group = await call('Pablo', 'POST', '/direct', { users: [id('Joe'), id('Mary')] })
  const room = open.id
  await call('Joe', 'POST', `/rooms/${room}/join`, {})
  await call('Mary', 'POST', `/rooms/${room}/join`, {})
  await call('Joe', 'PUT', `/rooms/${secret.id}/members/${id('Mary')}`, {})
  for (let i = 1; i <= 30; i++) {
    await no(['Pablo', 'Joe', 'Mary'][i % 3], room, { text: `Message ${i}, Grüße 世界 👋🏽`, client_id: `c${i}` })
  }
  await no('Joe', secret.id, { text: 'Between the two of us' })
  await no('Joe', direct.id, { text: 'Hello Pablo' })
  if (group) await no('Mary', group.id, { text: 'Hello both' })

  // What messages become.
  await call('Pablo', 'PATCH', `/rooms/${room}/messages/3`, { text: 'Message 3, edited' })
  await call('Pablo', 'DELETE', `/rooms/${room}/messages/6`)
  await call('Joe', 'PUT', `/rooms/${room}/messages/4/reactions/${encodeURIComponent('🎉')}`, {})
  await call('Mary', 'PUT', `/rooms/${room}/messages/4/reactions/${encodeURIComponent('🎉')}`, {})
  await call('Pablo', 'PUT', `/rooms/${room}/messages/5/pin`, {})
  await no('Joe', room, { text: 'An answer', thread: 2 })
  await no('Mary', room, { text: 'Another answer', thread: 2 })
  await no('Mary', room, { text: '@Pablo look at this' })
  const file = await call('Joe', 'POST', '/files?name=note.txt', 'a small file', 'text/plain')
  if (file) await no('Joe', room, { text: 'With a file', files: [file.id] })

  // People and rooms.
  await call('Mary', 'PATCH', '/account', { status: { emoji: '🌴', text: 'Away' }, title: 'Tester' })
  await call('Pablo', 'PATCH', `/users/${id('Joe')}`, { role: 'admin' })
  await call('Pablo', 'PATCH', `/rooms/${room}/members/${id('Joe')}`, { role: 'moderator' })
  await call('Pablo', 'PATCH', `/rooms/${room}`, { topic: 'What stays, and what comes' })
  await call('Joe', 'PUT', `/rooms/${room}/notify`, { level: 'all' })
  await call('Mary', 'PUT', `/rooms/${room}/read`, { no: 10 })
  await call('Joe', 'PUT', `/rooms/${secret.id}/members/${id('Mary')}/mute`, { seconds: 3600 })
  await call('Pablo', 'POST', '/invites', { role: 'member' })
  const bot = await call('Pablo', 'POST', '/bots', { name: 'Robot' })
  const token = await call('Pablo', 'POST', '/tokens', { name: 'for the robot', user: bot?.id ?? bot?.user?.id, scopes: ['read', 'send'] })
  await call('Pablo', 'POST', `/rooms/${room}/hooks`, { name: 'Builds' })
  await call('Joe', 'PUT', '/documents/settings', { was: 0, value: { theme: 'dark' } })
  await call('Mary', 'POST', `/rooms/${room}/leave`, {})
  await call('Mary', 'POST', `/rooms/${room}/join`, {})
  await call('Pablo', 'PATCH', `/rooms/${room}`, { announce: true })
  await call('Pablo', 'PATCH', `/rooms/${room}`, { slow: 30 })

  // What the server says of it all.
  // Only what does not change by itself: a session, an invite and an entry of the audit log end some day.
  const answers = []
  const ask = async (who, path) => {
    const answer = await call(who, 'GET', path)
    if (answer !== undefined) answers.push({ who, token: who === 'Robot' ? people[who].token : undefined, path, answer })
  }
  await ask('Pablo', '/users')
  if (token) {
    people.Robot = token
    await ask('Robot', '/rooms')
    await ask('Robot', '/users')
    delete people.Robot
  }
  for (const who of Object.keys(people)) {
    await ask(who, '/rooms')
    await ask(who, '/documents')
    await ask(who, `/users/${id(who)}`)
  }
  await ask('Pablo', '/directory')
  const thread = (await call('Pablo', 'GET', `/rooms/${room}/messages/2`))?.thread
  for (const [who, at] of [['Pablo', 'general'], ['Pablo', room], ['Joe', secret.id], ['Joe', direct.id], ['Mary', group?.id],
    ['Pablo', thread?.room]]) {
    if (!at) continue
    await ask(who, `/rooms/${at}/messages?limit=200`)
    await ask(who, `/rooms/${at}/members`)
    await ask(who, `/rooms/${at}/pins`)
    await ask(who, `/rooms/${at}/files`)
    await ask(who, `/rooms/${at}/hooks`)
    const view = await call(who, 'GET', `/rooms/${at}`)
    if (view?.position) {
      await ask(who, `/rooms/${at}/events?epoch=${view.position.epoch}&seq=0&id=`)
    }
  }
  await ask('Pablo', `/rooms/${room}/messages/3/edits`)
  writeFileSync(join(dir, 'answers.json'), JSON.stringify(answers))
  console.log(`${out}: ${answers.length} answers`)
}

try {
  let redis
  if (store === 'redis') {
    redis = start('redis-server', '--port', '0', '--unixsocket', `${dir}/redis.sock`, '--save', '', '--dir', dir)
    redis.stdout.resume()
    for (let i = 0; ; i++) { // it has no other sign of being there
      try { execFileSync('redis-cli', ['-s', `${dir}/redis.sock`, 'ping'], { stdio: 'pipe' }); break } catch (e) { if (i > 100) throw e }
      await sleep(50)
    }
  }
  const [server, api] = await serve()
  await write(api)
  server.kill('SIGTERM')
  await server.ended
  const keep = ['answers.json']
  if (redis) {
    // Sessions and the like would expire before the test. What lives for a minute is of nodes that run.
    const script = `for _, k in ipairs(redis.call('keys', '*')) do local t = redis.call('ttl', k)
      if t >= 0 and t < 120 then redis.call('del', k) else redis.call('persist', k) end end`
    execFileSync('redis-cli', ['-s', `${dir}/redis.sock`, 'eval', script, '0'])
    execFileSync('redis-cli', ['-s', `${dir}/redis.sock`, 'save'])
    keep.push('dump.rdb')
  } else {
    keep.push('parley.db', ...readdirSync(dir).filter((name) => name === 'files'))
  }
  execFileSync('tar', ['-C', dir, '--owner=0', '--group=0', '--numeric-owner', '-cf', `${dir}/out.tar`, ...keep])
  const packed = execFileSync('zstd', ['-19', '-qc', `${dir}/out.tar`], { maxBuffer: 1 << 26 })
  writeFileSync(out, packed)
} finally {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(children.map((child) => child.ended))
  rmSync(dir, { recursive: true })
}

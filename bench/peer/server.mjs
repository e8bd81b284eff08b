// What many would write: a chat on Socket.IO with its Redis adapter, which stores each message in Redis before it says so.
import { createServer } from 'node:http'
import { createAdapter } from '@socket.io/redis-adapter'
import { Redis } from 'ioredis'
import { Server } from 'socket.io'

const [path] = process.argv.slice(2)
const store = new Redis({ path })
const pub = new Redis({ path })
const http = createServer()
const io = new Server(http, { adapter: createAdapter(pub, pub.duplicate()), transports: ['websocket'], perMessageDeflate: false })

io.on('connection', (socket) => {
  socket.join('general')
  socket.on('message', async (text, done) => {
    const message = { from: socket.id, date: Date.now(), message: text, roomId: 'general' }
    await store.zadd('room:general', message.date, JSON.stringify({ ...message, id: `${socket.id}-${performance.now()}` }))
    io.to('general').emit('message', message)
    done()
  })
})
http.listen(0, '127.0.0.1', () => console.log(`open: http://127.0.0.1:${http.address().port}`))
process.on('SIGTERM', () => process.exit(0))

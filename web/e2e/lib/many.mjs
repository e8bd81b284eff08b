// A server with very many rooms and messages, without the minutes that it takes
// to write them: what the real server says at sync gets more rooms, and one of
// them has a long history that is made up page by page.

const at = (no) => new Date(Date.UTC(2026, 0, 1) + no * 60_000).toISOString()
const text = (no) => (no % 7 ? `message ${no}` : `message ${no}\n\n- with *some* **formatting**\n- and \`code\`\n\n${'and more words '.repeat(no % 40)}`)

/** Puts itself between a page and its server. */
export async function many(page, { rooms, messages }) {
  const position = { epoch: 'many', seq: 1 }
  const message = (room, no, from) => ({ room, no, id: `${room}-${no}`, seq: no, from, text: text(no), at: at(no) })
  const view = (id, name, head, me) => ({
    id, kind: 'public', name, created_at: at(0), position, head_no: head, read_no: head, unread: 0, role: 'member', joined_at: at(0), members: 2,
    ...(head ? { last: message(id, head, me) } : {}),
  })
  await page.routeWebSocket(/\/api\/v1\/ws$/, (ws) => {
    const server = ws.connectToServer()
    const asked = new Map()
    let me = ''
    ws.onMessage((data) => {
      const frame = JSON.parse(data)
      asked.set(frame.id, frame.method)
      if (frame.method === 'message.list' && frame.params.room === 'big') {
        const { before, after, around, limit } = frame.params
        const from = before ? before - limit : after ? after + 1 : around ? around - (limit >> 1) : messages - limit + 1
        const [first, last] = [Math.max(1, from), Math.min(messages, before ? before - 1 : from + limit - 1)]
        const list = []
        for (let no = first; no <= last; no++) list.push(message('big', no, me))
        return ws.send(JSON.stringify({ jsonrpc: '2.0', id: frame.id, result: { messages: list, more_older: first > 1, more_newer: last < messages } }))
      }
      if (frame.method === 'sync') delete frame.params.positions
      server.send(JSON.stringify(frame))
    })
    server.onMessage((data) => {
      const frame = JSON.parse(data)
      if (asked.get(frame.id) !== 'sync' || !frame.result) return ws.send(data)
      me = frame.result.user.id
      frame.result.rooms.push(view('big', 'Big', messages, me))
      for (let i = frame.result.rooms.length; i < rooms; i++) frame.result.rooms.push(view(`r${i}`, `Room ${String(i).padStart(4, '0')}`, i % 2 ? i : 0, me))
      ws.send(JSON.stringify(frame))
    })
  })
}

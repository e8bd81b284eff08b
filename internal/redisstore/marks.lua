-- What becomes of messages. A plain message is its entry and nothing else: what
-- it mentions, its files, an edited text, a deletion, a pin, reactions and a
-- thread stand beside it, as JSON by number in marks. In marked, by number, 16
-- digits, is what must be found:
--   k no: has a mark | d no: deleted | p no: pinned | @user no: mentions them | @* no: mentions everyone

-- becoming makes the functions that do it. A plain message needs none of them,
-- and making them takes time.
local made
local function becoming()
  if made then return made end

  local maxEdits = 100 -- chat.MaxEdits

  local function pad(n) return string.format('%016d', n) end

  -- iso writes milliseconds since 1970 as JSON has times.
  local function iso(ms)
    local f = math.floor
    local days = f(ms / 86400000)
    local rest = ms - days * 86400000
    local z = days + 719468 -- from 1 March of the year 0: a leap day is the last of its year
    local era = f(z / 146097)
    local doe = z - era * 146097
    local yoe = f((doe - f(doe / 1460) + f(doe / 36524) - f(doe / 146096)) / 365)
    local doy = doe - 365 * yoe - f(yoe / 4) + f(yoe / 100)
    local m = f((5 * doy + 2) / 153)
    local month = m < 10 and m + 3 or m - 9
    local year = yoe + era * 400 + (month <= 2 and 1 or 0)
    return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, doy - f((153 * m + 2) / 5) + 1,
      f(rest / 3600000), f(rest / 60000) % 60, f(rest / 1000) % 60, rest % 1000)
  end

  -- under orders texts by their bytes. Redis' Lua orders them as the server's
  -- language does.
  local function under(a, b)
    for i = 1, math.min(#a, #b) do
      local x, y = string.byte(a, i), string.byte(b, i)
      if x ~= y then return x < y end
    end
    return #a < #b
  end

  -- seek returns where a key is in a sorted list, or would be, and whether it
  -- is there.
  local function seek(list, key, of)
    for i, v in ipairs(list) do
      local k = of and v[of] or v
      if k == key then return i, true end
      if under(key, k) then return i, false end
    end
    return #list + 1, false
  end

  local function words(text)
    local list = {}
    for w in string.gmatch(text, '%S+') do list[#list + 1] = w end
    return list
  end

  -- Those who are mentioned find the message by it: its author too, who has
  -- read it by writing it.
  local function index(n, mentions)
    for _, user in ipairs(mentions or {}) do write('ZADD', marked, 0, '@' .. user .. ' ' .. pad(n)) end
  end

  local function unindex(n, mentions)
    for _, user in ipairs(mentions or {}) do write('ZREM', marked, '@' .. user .. ' ' .. pad(n)) end
  end

  -- keep writes a message's mark.
  local function keep(n, m)
    beside[n], hasMarks = m, true
    if next(m) then
      write('HSET', marks, n, cjson.encode(m))
      write('ZADD', marked, 0, 'k ' .. pad(n))
    else
      write('HDEL', marks, n)
      write('ZREM', marked, 'k ' .. pad(n))
    end
  end

  -- drop takes away the i-th earlier text and those before it, most of which
  -- are gone already.
  local function drop(n, i)
    while i > 0 and redis.call('HEXISTS', edits, n .. ' ' .. i) == 1 do
      write('HDEL', edits, n .. ' ' .. i)
      i = i - 1
    end
  end

  -- forget takes away what a mark has elsewhere.
  local function forget(n, m)
    local last = m.edits or 0
    for i = math.max(1, last - maxEdits + 1), last do write('HDEL', edits, n .. ' ' .. i) end
    drop(n, last - maxEdits)
    if m.pinned_at then write('ZREM', marked, 'p ' .. pad(n)) end
    unindex(n, m.mentions)
  end

  -- forgetUpTo forgets the marks of messages that are being trimmed.
  local function forgetUpTo(to)
    local gone = {}
    for n in pairs(beside) do gone[n] = n <= to or nil end
    for _, k in ipairs(redis.call('ZRANGE', marked, '[k ', '[k ' .. pad(to), 'BYLEX')) do gone[tonumber(string.sub(k, 3))] = true end
    for n in pairs(gone) do
      local m = mark(n)
      if next(m) then
        forget(n, m)
        if m.deleted_at then write('ZREM', marked, 'd ' .. pad(n)) end
        keep(n, {})
      end
    end
  end

  -- shown is the message as JSON, as it is now.
  local function shown(n, f, m)
    local number, at, from, client = string.match(f[4], '^(%S+) (%S+) (%S*) %S* %S* (.*)$')
    local e = {room = room, no = n, id = f[2], seq = tonumber(number), from = from, text = m.deleted_at and '' or m.text or f[6], at = iso(tonumber(at))}
    if client ~= '' then e.client_id = client end
    for _, k in ipairs({'mentions', 'files', 'edited_at', 'deleted_at', 'pinned_at', 'pinned_by', 'reactions', 'thread'}) do e[k] = m[k] end
    return cjson.encode(e)
  end

  -- Each makes one change to a message and its mark, and returns whether there
  -- was anything to change.
  local become = {}

  function become.edit(n, f, m, at, text, mentions)
    local now = m.text or f[6]
    if now == text and table.concat(m.mentions or {}, ' ') == mentions then return false end
    m.edits = (m.edits or 0) + 1
    local since = m.edited_at or iso(tonumber(string.match(f[4], '^%S+ (%S+)')))
    write('HSET', edits, n .. ' ' .. m.edits, cjson.encode({text = now, at = since}))
    drop(n, m.edits - maxEdits)
    unindex(n, m.mentions)
    m.text, m.mentions, m.edited_at = text, mentions ~= '' and words(mentions) or nil, at
    index(n, m.mentions)
    return true
  end

  function become.delete(n, f, m, at)
    if m.deleted_at then return false end
    forget(n, m)
    local thread = m.thread
    for k in pairs(m) do m[k] = nil end
    m.i, m.d, m.deleted_at, m.thread = f[2], f[4], at, thread
    write('XDEL', messages, n .. '-0')
    write('ZADD', marked, 0, 'd ' .. pad(n))
    return true
  end

  function become.pin(n, _, m, at, by)
    if m.pinned_at then return false end
    m.pinned_at, m.pinned_by = at, by ~= '' and by or nil
    write('ZADD', marked, 0, 'p ' .. pad(n))
    return true
  end

  function become.unpin(n, _, m)
    if not m.pinned_at then return false end
    m.pinned_at, m.pinned_by = nil, nil
    write('ZREM', marked, 'p ' .. pad(n))
    return true
  end

  function become.react(_, _, m, _, emoji, user)
    local all = m.reactions or {}
    local i, known = seek(all, emoji, 'emoji')
    if not known then table.insert(all, i, {emoji = emoji, users = {}}) end
    local j, there = seek(all[i].users, user)
    if there then return false end
    table.insert(all[i].users, j, user)
    m.reactions = all
    return true
  end

  function become.unreact(_, _, m, _, emoji, user)
    local all = m.reactions or {}
    local i, known = seek(all, emoji, 'emoji')
    if not known then return false end
    local j, there = seek(all[i].users, user)
    if not there then return false end
    table.remove(all[i].users, j)
    if #all[i].users == 0 then table.remove(all, i) end
    if #all == 0 then m.reactions = nil end
    return true
  end

  function become.thread(_, _, m, _, id, replies, at)
    if m.thread and tonumber(replies) <= m.thread.replies then return false end
    m.thread = {room = id, replies = tonumber(replies), last_at = at}
    return true
  end

  made = {change = become, keep = keep, index = index, words = words, forgetUpTo = forgetUpTo, shown = shown}
  return made
end

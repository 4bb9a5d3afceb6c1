-- Look after a queue. Called by every worker twice a second; the first one to come when it is due does the work:
-- due tasks go to the queue, expired ids leave the indexes, dead consumers are found and removed when
-- nothing is pending on them, entries of Python clients get their hash, tasks and entries that do not agree are put
-- right. KEYS: queue. ARGV: prefix, queue name, worker id, lease ms, ttl, result ttl, event ttl, "1" when the
-- whole queue is to be looked through now (the group was lost, or Redis came back). Reply: {orphans,
-- priorities in use, 1 when paused, ms until it is due again}.
-- with: standing delivered
local stream, queue, worker, lease, ttl = KEYS[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local result_ttl, event_ttl, is_urgent = ARGV[6], ARGV[7], ARGV[8] == '1'
local EVERY_MS, AGAIN_MS = 450, 20
local BATCH, SLICE, PRUNE = 100, 200, 500
local BYTES_MAX = 1024 * 1024
local DEAD_DAYS = 7
local sweep, delayed = stream .. ':sweep', stream .. ':delayed'
local has_more, due_ms = false, nil

local function fail(id, status, created, agent, attempt, message, err_type)
  end_failed(id, queue, status, created, agent, attempt, message, err_type, result_ttl, event_ttl)
end

-- A task that is due gets an entry.
local function queue_task(id, status, h)
  local created, agent, attempt, deadline = h[2] or nil, h[3], h[4] or '0', tonumber(h[7] or '')
  if deadline and deadline < tonumber(NOW) then
    return fail(id, status, created, agent, attempt, 'the deadline passed before an attempt could begin', 'DeadlineError')
  end
  local payload = call('GET', PAYLOAD .. id)
  if not payload then return fail(id, status, created, agent, attempt, PAYLOAD_GONE, 'InternalError') end
  call('HSET', TASK .. id, 'entry_id', enqueue(stream, h[6] or '', 'payload', payload, 'task_id', id))
end
local function task_of(id) return call('HMGET', TASK .. id, 'status', 'created_at', 'agent', 'attempt', 'completed_at', 'priority', 'deadline', 'entry_id', 'worker_id', 'owner') end

local function promote()
  local due = call('ZRANGEBYSCORE', delayed, '-inf', string.format('%.0f', NOW_MS), 'LIMIT', 0, BATCH)
  for _, id in ipairs(due) do
    call('ZREM', delayed, id)
    pcall(function() -- one whose keys are not what they should be must not stop the others
      local h = task_of(id)
      if h[1] == 'cancelled' and empty(h[5]) then
        -- Python's cancel: it writes the state, and nobody is there to end the task.
        end_cancelled(id, queue, 'cancelled', h[2] or nil, h[3], h[4] or '0', result_ttl, event_ttl)
      elseif h[1] == 'retrying' or (h[1] == 'pending' and empty(h[8])) then
        queue_task(id, h[1], h)
      end
    end)
  end
  if #due == BATCH then has_more = true end
  local first = call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
  due_ms = first[2] and math.max(0, first[2] - NOW_MS)
end

-- Oldest first, some at a time: a task in a final index is gone when its hash is.
local function prune(status)
  local key, gone = index_key(queue, status), {}
  local before = string.format('%.0f', (NOW_MS - result_ttl * 1000) * 1000)
  local old = call('ZRANGEBYSCORE', key, '-inf', before, 'LIMIT', 0, PRUNE)
  for _, id in ipairs(old) do
    if call('EXISTS', TASK .. id) == 0 then gone[#gone + 1] = id end
  end
  if #gone == 0 then return end
  if #gone == PRUNE then has_more = true end
  call('ZREM', key, unpack(gone))
  call('SREM', P .. 'orbiter:task:index', unpack(gone))
end

local function count_overdue(key, name)
  local n = 0
  for _, pending in ipairs(call('XPENDING', key, key .. ':group', '-', '+', 100, name)) do
    if is_orphan(key, pending, 'silent') then n = n + 1 end
  end
  return n
end

-- A dead consumer that has nothing pending goes; what is pending on it is counted. A Python worker's consumer goes
-- when it has been quiet for a minute.
local function look_at_consumers()
  local orphans = 0
  -- Right after trouble the others may still have to renew their leases: nothing is removed then, and recover.lua waits, too.
  local since = steady_since(stream)
  local may_remove = since and NOW_MS - since >= lease
  for _, s in ipairs(streams_of(stream)) do
    for _, c in ipairs(consumers_of(s[1])) do
      local state = c.name ~= worker and standing(stream, c.name)
      if state == 'dead' or state == 'silent' then
        if c.pending > 0 then
          orphans = orphans + (state == 'dead' and c.pending or count_overdue(s[1], c.name))
        elseif may_remove and c.idle > (state == 'dead' and lease or 60000) then
          call('XGROUP', 'DELCONSUMER', s[1], s[1] .. ':group', c.name)
        end
      end
    end
  end
  call('HSET', sweep, 'orphans', orphans)
  call('ZREMRANGEBYSCORE', stream .. ':leased', '-inf', string.format('%.0f', NOW_MS - TASK_TTL * 1000))
end

-- What Python clients queued has no hash until somebody writes one: then it is listed, and can be
-- cancelled at once.
local function adopt(entry, payload)
  local ok, task = pcall(cjson.decode, payload)
  local id = ok and type(task) == 'table' and task.task_id
  if type(id) ~= 'string' or not id:match('^[%w._-]+$') or #id > 128 or id == 'index' then return end
  local had = call('HMGET', TASK .. id, 'status', 'entry_id')
  -- A Python worker's retry: a new entry, and not a word about it in the hash.
  if had[1] == 'retrying' and had[2] and not call('ZSCORE', delayed, id) then call('HSET', TASK .. id, 'entry_id', entry) end
  if call('EXISTS', TASK .. id) == 1 then return end
  local agent = type(task.agent_config) == 'table' and task.agent_config.name
  local ms = entry:match('^%d+')
  local created = ms:sub(1, -4) .. '.' .. ms:sub(-3) .. '000'
  call('HSET', TASK .. id, 'task_id', id, 'status', 'pending', 'created_at', created, 'queue', queue,
    'agent', type(agent) == 'string' and agent or '', 'entry_id', entry)
  call('EXPIRE', TASK .. id, ttl)
  call('SET', PAYLOAD .. id, payload, 'EX', ttl)
  hint('SADD', P .. 'orbiter:task:index', id)
  hint('SADD', P .. 'orbiter:queues', queue)
  index_add(queue, 'pending', created, id)
  feed('pending', id)
end

local function adopt_slice()
  local last = last_delivered(stream)
  if not last then return end
  local from = call('HGET', sweep, 'adopted')
  if not from or is_behind(from, last) then from = last end
  local seen, bytes, start = 0, 0, from
  repeat
    local entries = call('XRANGE', stream, '(' .. from, '+', 'COUNT', 16)
    for _, entry in ipairs(entries) do
      from, seen = entry[1], seen + 1
      local payload = field_of(entry[2], 'payload')
      bytes = bytes + #(payload or '')
      if payload and not field_of(entry[2], 'task_id') then pcall(adopt, entry[1], payload) end
    end
  until #entries < 16 or seen >= SLICE or bytes > BYTES_MAX
  if from ~= start or seen > 0 then call('HSET', sweep, 'adopted', from) end
  if seen >= SLICE or bytes > BYTES_MAX then has_more = true end
end

local function is_python(id)
  return not empty(id) and standing(stream, id) == 'alive' and call('EXISTS', P .. 'orbiter:lease:' .. id) == 0
end

local delivered = {}
-- Nobody has been given it yet.
local function is_undelivered(place)
  local key, _, entry = locate(stream, place)
  if not delivered[key] then delivered[key] = last_delivered(key) or '0-0' end
  return is_behind(delivered[key], entry)
end

-- Is the entry there, and will somebody get it or has got it? Deleting a consumer by hand loses what is
-- pending on it.
local function can_be_had(place)
  local key, group, entry = locate(stream, place)
  if #call('XRANGE', key, entry, entry) == 0 then return false end
  return is_undelivered(place) or #call('XPENDING', key, group, entry, entry, 1) > 0
end

-- The process that ran the task runs it no more: its worker is dead, or another process has that id now.
local function is_abandoned(id, worker, owner)
  if empty(worker) then return true end
  local state = standing(stream, worker)
  if state == 'silent' then return is_overdue(worker, id, pcall_redis('GET', PAYLOAD .. id), 0) end
  local holder = (call('GET', P .. 'orbiter:lease:' .. worker) or ''):match('^%S+')
  return state == 'dead' or (holder and holder ~= owner)
end

-- A task that should have an entry and has none, or should wait in the delayed set and does not: after a
-- failover, or when somebody deleted a key. One that a worker runs is left to it while it lives.
local function reconcile(id, created)
  local h = task_of(id)
  local status = h[1]
  if not status then
    -- Gone, and younger than its keys should live: it cannot be run, and must not be listed for ever.
    call('ZREM', index_key(queue, 'open'), id)
    call('ZREM', index_key(queue, 'retrying'), id)
    call('SREM', P .. 'orbiter:task:index', id)
    return
  end
  if is_final(status) then
    if status == 'cancelled' and empty(h[5]) then
      -- The one that ran it ends it; or whoever takes over its entry, when there is one.
      if not is_abandoned(id, h[9], h[10]) then return end
      return end_cancelled(id, queue, status, h[2] or nil, h[3], h[4] or '0', result_ttl, event_ttl)
    end
    -- A Python worker ended it: it knows no index, and leaves the entry.
    for _, word in ipairs({ 'pending', 'retrying' }) do index_drop(queue, word, id) end
    index_add(queue, status, h[2] or created, id)
    if not empty(h[8]) then
      local key, group, entry = locate(stream, h[8])
      local pending = pcall_redis('XPENDING', key, group, entry, entry, 1)
      if not pending.err and #pending == 0 then call('XDEL', key, entry) end
    end
    return
  end
  -- Python moves nothing from one to the other. At once: what follows may move it on.
  local index = INDEX[status] or 'open'
  call('ZREM', index_key(queue, index == 'open' and 'retrying' or 'open'), id)
  call('ZADD', index_key(queue, index), score(h[2] or created), id)
  -- Its keys outlive it, however long it waits; those of one that is due next year live longer than this already.
  if status ~= 'running' and NOW - (tonumber(h[2]) or NOW) > TASK_TTL / 2 then
    call('EXPIRE', TASK .. id, ttl, 'GT')
    call('EXPIRE', PAYLOAD .. id, ttl, 'GT')
  end
  if empty(h[8]) and call('ZSCORE', delayed, id) then return end
  if status == 'running' and not is_abandoned(id, h[9], h[10]) then return end
  if status == 'retrying' and not empty(h[8]) and is_python(h[9]) then return end
  if status ~= 'running' and not empty(h[8]) and tonumber(h[7] or '') and tonumber(h[7]) < tonumber(NOW) and is_undelivered(h[8]) then
    -- It waits behind others, or in a paused queue: nobody would look at its deadline before it is its turn.
    spend(h[8])
    return queue_task(id, status, h)
  end
  if not empty(h[8]) and can_be_had(h[8]) then return end
  if not empty(h[8]) then spend(h[8]) end
  if status == 'running' then
    call('HSET', TASK .. id, 'status', 'pending', 'worker_id', '', 'owner', '')
    call('HINCRBY', TASK .. id, 'recoveries', 1)
    feed('pending', id, h[4])
    status = 'pending'
  end
  local due = call('HGET', TASK .. id, 'due_at')
  if empty(h[8]) and status == 'pending' and tonumber(due or '') and tonumber(due) > tonumber(NOW) then
    call('ZADD', delayed, string.format('%.0f', due * 1000), id)
  else
    queue_task(id, status, h)
  end
end

-- Once round the open tasks takes a slice every sweep; at once when it is urgent.
local function reconcile_slice()
  local at = call('HMGET', sweep, 'round', 'round_urgent')
  local from, urgent = at[1] or '-inf', at[2] == '1'
  local word, score = from:match('^(%a+) (.+)$')
  word, score = word or 'open', score or '-inf'
  local key = index_key(queue, word)
  local page = call('ZRANGEBYSCORE', key, score, '+inf', 'WITHSCORES', 'LIMIT', 0, SLICE)
  for i = 1, #page, 2 do pcall(reconcile, page[i], string.format('%.6f', page[i + 1] / 1000000)) end
  local last = page[#page]
  if #page == 2 * SLICE and last ~= score then
    call('HSET', sweep, 'round', word .. ' ' .. last)
    if urgent then has_more = true end
  elseif #page == 2 * SLICE then
    -- More than a slice of one microsecond: stepping over them is better than standing still.
    call('HSET', sweep, 'round', word .. ' (' .. last)
  elseif word == 'open' then
    call('HSET', sweep, 'round', 'retrying -inf')
    if urgent then has_more = true end
  else
    call('HSET', sweep, 'round', 'open -inf', 'round_urgent', '')
  end
end

-- What Python workers have acknowledged stays in the stream: all before the oldest that is pending, or
-- before what was delivered last, is done with.
local function trim()
  local last, groups = last_delivered(stream)
  if not last or groups ~= 1 then return end
  local oldest = call('XPENDING', stream, stream .. ':group')[2]
  local first = (call('XRANGE', stream, '-', '+', 'COUNT', 1)[1] or {})[1]
  local before = oldest or last
  if first and is_behind(first, before) then call('XTRIM', stream, 'MINID', before) end
  if not oldest and first and call('XRANGE', stream, last, last)[1] then call('XDEL', stream, last) end
end

local function trim_by_age()
  if tonumber(call('HGET', sweep, 'trimmed') or 0) > NOW_MS - 10000 then return end
  call('HSET', sweep, 'trimmed', string.format('%.0f', NOW_MS))
  call('XTRIM', P .. 'orbiter:feed', 'MINID', '~', string.format('%.0f', NOW_MS - math.max(result_ttl, 10) * 1000))
  if call('EXISTS', stream .. ':dead') == 1 then
    call('XTRIM', stream .. ':dead', 'MINID', string.format('%.0f', NOW_MS - DEAD_DAYS * 86400000))
  end
end

if is_urgent then call('HSET', sweep, 'round_urgent', '1', 'round', 'open -inf', 'next_ms', '0') end
local next_ms = tonumber(call('HGET', sweep, 'next_ms') or 0) or 0
local wait = next_ms - NOW_MS
if wait <= 0 or wait > EVERY_MS then -- longer: the clock was set back
  local now = string.format('%.0f', NOW_MS)
  local steady = steady_since(stream)
  call('HSET', sweep, 'next_ms', string.format('%.0f', NOW_MS + EVERY_MS), 'steady_ms', steady and string.format('%.0f', steady) or now, 'seen_ms', now)
  for _, step in ipairs({ promote, function() for _, s in ipairs({ 'completed', 'failed', 'cancelled' }) do prune(s) end end,
    look_at_consumers, adopt_slice, reconcile_slice, trim, trim_by_age }) do
    local ok, why = pcall(step) -- one key that is not what it should be must not stop the rest
    if not ok and not is_wrong_key(why) then error(why) end
  end
  write_all(stream, queue)
  wait = has_more and AGAIN_MS or math.min(EVERY_MS, due_ms or EVERY_MS)
  if wait ~= EVERY_MS then call('HSET', sweep, 'next_ms', string.format('%.0f', NOW_MS + wait)) end
end
local priorities = ''
for n = 9, 0, -1 do
  if n ~= 5 and call('EXISTS', stream .. ':p' .. n) == 1 and call('XLEN', stream .. ':p' .. n) > 0 then priorities = priorities .. n end
end
return { tonumber(call('HGET', sweep, 'orphans') or 0), priorities, call('EXISTS', stream .. ':paused'), math.max(wait, 1) }

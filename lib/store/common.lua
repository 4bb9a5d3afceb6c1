-- Put before every script when they are embedded. ARGV[1] is the namespace
-- prefix, "" or "{ns}:"; time is the server's own.
local P = ARGV[1]
local pcall_redis = redis.pcall
-- A key is not what it should be: somebody else wrote it. why: a reply, or what pcall caught.
local function is_wrong_key(why) return tostring(type(why) == 'table' and why.err or why):find('WRONGTYPE', 1, true) end
-- As redis.call, but where a key is not what it should be the error names it.
local function call(...)
  local reply = pcall_redis(...)
  if type(reply) == 'table' and reply.err then
    if is_wrong_key(reply) then reply.err = 'WRONGTYPE the key ' .. select(2, ...) .. ' is not what it should be' end
    error(reply)
  end
  return reply
end
-- What is only a hint does not stop the rest when its key is not what it should be.
local function hint(...)
  local reply = pcall_redis(...)
  if type(reply) == 'table' and reply.err and not is_wrong_key(reply) then error(reply) end
end
-- While the namespace moves to another node of a Cluster some of its keys are here and others there already. Asking for one
-- that never is there raises then, before anything is half done.
if P ~= '' then call('EXISTS', P .. 'orbiter:none') end
local clock = call('TIME')
local NOW = clock[1] .. '.' .. string.format('%06d', clock[2])
local NOW_MS = clock[1] * 1000 + math.floor(clock[2] / 1000)
local FEED_MAX = 100000
local DEAD_MAX = 10000
local AUDIT_MAX = 100000
local OPERATION_TTL = 3600 -- how long an operator's request is known that comes again
local TASK_TTL = 86400 -- armed at submit and at begin; the final ones are arguments

local TASK, PAYLOAD, STREAM = P .. 'orbiter:task:', P .. 'orbiter:payload:', P .. 'orbiter:stream:'
local function empty(v) return not v or v == '' end
local function is_final(status) return status == 'completed' or status == 'failed' or status == 'cancelled' end

-- Of many tasks one whose keys are wrong spoils itself only: the answer of move, or the text of what is wrong.
local function move_one(move, ...)
  local ok, answer = pcall(move, ...)
  if ok then return answer end
  if not is_wrong_key(answer) then error(answer) end
  return type(answer) == 'table' and answer.err or answer
end

-- What a call does to many tasks is collected, and written together at its end.
local function collect(into, key, a, b)
  local list = into[key]
  if not list then list = {}; into[key] = list end
  local n = #list
  list[n + 1] = a
  if b then list[n + 2] = b end
end

-- The lifecycle feed: one entry for all tasks that a call brings to a state.
local fed = {}
local function feed(status, id, attempt) collect(fed, status, id .. ':' .. (attempt or '0')) end
local function write_feed(queue, worker)
  for status, list in pairs(fed) do
    hint('XADD', P .. 'orbiter:feed', 'MAXLEN', '~', FEED_MAX, '*', 'type', 'task.' .. status, 'queue', queue,
      'worker_id', worker or '', 'tasks', table.concat(list, ' '))
  end
end

-- The indexes: task ids by the microsecond they were made. Pending and running
-- tasks share one, so that an ordinary life moves once.
local zadd, zrem = {}, {}
local INDEX = { pending = 'open', running = 'open', retrying = 'retrying', completed = 'completed', failed = 'failed', cancelled = 'cancelled' }
local function index_key(queue, index) return P .. 'orbiter:index:' .. queue .. ':' .. index end
local function score(created)
  if #created == 17 then return created:sub(1, 10) .. created:sub(12, 17) end
  return string.format('%.0f', (tonumber(created) or 0) * 1000000)
end
local function index_add(queue, status, created, id) collect(zadd, index_key(queue, INDEX[status]), score(created), id) end
local function index_drop(queue, status, id) collect(zrem, index_key(queue, INDEX[status]), id) end
local function index_move(queue, from, to, created, id)
  if from and INDEX[from] == INDEX[to] then return end
  if from then index_drop(queue, from, id) end
  index_add(queue, to, created, id)
end
local function write_indexes()
  for key, list in pairs(zrem) do hint('ZREM', key, unpack(list)) end
  for key, list in pairs(zadd) do hint('ZADD', key, unpack(list)) end
end

-- A place names a queue entry: "1234-0" in the queue's own stream, "1234-0@9" in its stream of
-- priority 9. The stream's key, its group and the entry's id.
local function locate(stream, place)
  local n = #place
  if place:byte(n - 1) ~= 64 then return stream, stream .. ':group', place end
  local key = stream .. ':p' .. place:sub(n)
  return key, key .. ':group', place:sub(1, n - 2)
end

-- A new entry behind all others of its priority; its place.
local function enqueue(stream, priority, ...)
  if empty(priority) or priority == '5' then return call('XADD', stream, '*', ...) end
  local key = stream .. ':p' .. priority
  pcall_redis('XGROUP', 'CREATE', key, key .. ':group', '0', 'MKSTREAM')
  local entry = call('XADD', key, '*', ...)
  pcall_redis('PUBLISH', stream .. ':wake', 'priority')
  return entry .. '@' .. priority
end

-- The fields of an entry, or nil.
local function read_entry(stream, place)
  local key, _, id = locate(stream, place)
  local found = call('XRANGE', key, id, id)[1]
  return found and found[2]
end
local function field_of(fields, name)
  for i = 1, fields and #fields or 0, 2 do if fields[i] == name then return fields[i + 1] end end
end

-- Has this consumer got the entry? A group that is gone has given nobody anything.
local function is_pending_on(stream, place, consumer)
  local key, group, id = locate(stream, place)
  local found = pcall_redis('XPENDING', key, group, id, id, 1, consumer)
  if found.err and not found.err:find('NOGROUP', 1, true) then error(found) end
  return not found.err and #found > 0
end

-- Queue entries that are done with: acknowledged and deleted together.
local spent, spent_else = {}, {}
local function spend(place)
  if place:byte(#place - 1) ~= 64 then spent[#spent + 1] = place else spent_else[#spent_else + 1] = place end
end
local function write_spent(stream)
  for _, place in ipairs(spent_else) do
    local key, group, id = locate(stream, place)
    pcall_redis('XACK', key, group, id)
    call('XDEL', key, id)
  end
  if #spent == 0 then return end
  call('XACK', stream, stream .. ':group', unpack(spent))
  call('XDEL', stream, unpack(spent))
end

-- How many wait in a queue. What has been delivered is pending: not waiting any more.
local function count_waiting(stream)
  local n = pcall_redis('ZCARD', stream .. ':delayed')
  n = type(n) == 'number' and n or 0
  for p = 0, 9 do
    local key = p == 5 and stream or stream .. ':p' .. p
    local len, pending = pcall_redis('XLEN', key), 0
    if type(len) == 'number' and len > 0 then
      local summary = pcall_redis('XPENDING', key, key .. ':group')
      if not summary.err then pending = summary[1] end
      n = n + math.max(0, len - pending)
    end
  end
  return n
end

-- A JSON string, ASCII only, as every other writer here makes them.
local function json_str(s)
  local text = cjson.encode(s):gsub('\\/', '/')
  return (text:gsub('[\194-\244][\128-\191]+', function(c)
    local b = { c:byte(1, -1) }
    local cp = #b == 2 and b[1] % 32 or #b == 3 and b[1] % 16 or b[1] % 8
    for i = 2, #b do cp = cp * 64 + b[i] % 64 end
    if cp < 65536 then return string.format('\\u%04x', cp) end
    cp = cp - 65536
    return string.format('\\u%04x\\u%04x', 55296 + math.floor(cp / 1024), 56320 + cp % 1024)
  end))
end

-- The seq after the last event of this attempt in the stream: for whoever ends a task that
-- another process, or nobody, was running. An attempt that has said nothing yet begins at 1.
local function next_seq(id, attempt)
  local found = pcall_redis('XREVRANGE', STREAM .. id, '+', '-', 'COUNT', 1)
  if found.err and not is_wrong_key(found) then error(found) end
  local last = found[1]
  local seq, of = tostring(last and last[2][2]):match('"seq": (%d+), "attempt": (%d+)}$')
  return of == (attempt or '0') and seq + 1 or 1
end

local EVENT_WORD = { completed = 'completed', failed = 'error', cancelled = 'cancelled' }

-- The one terminal status event of a task. What is wrong with the stream's key, or forbidden,
-- must not keep the task from ending. is_fresh '1': the stream's expiry was set a moment ago.
local function terminal_event(id, status, agent_json, message_json, seq, attempt, ttl, is_fresh)
  local stream = STREAM .. id
  local json = '{"type": "status", "status": "' .. EVENT_WORD[status] .. '", "agent_name": ' .. agent_json ..
    ', "message": ' .. message_json .. ', "seq": ' .. seq .. ', "attempt": ' .. attempt .. '}'
  pcall_redis('XADD', stream, '*', 'event', json)
  if is_fresh ~= '1' or ttl ~= '3600' then
    pcall_redis('EXPIRE', stream, ttl)
  else
    pcall_redis('EXPIRE', stream, ttl, 'NX') -- unless it is gone since
  end
  pcall_redis('PUBLISH', P .. 'orbiter:events:' .. id, json)
end

-- What an operator did: who, from where, and what it changed. The first is for before the first write: what cannot be
-- told there is not done.
local function check_audit() call('XLEN', P .. 'orbiter:audit') end
local function audit(who, from, action, target, was, became)
  call('XADD', P .. 'orbiter:audit', 'MAXLEN', '~', AUDIT_MAX, '*', 'at', NOW, 'who', who, 'from', from, 'action', action,
    'target', target, 'was', was, 'became', became)
end

-- A dead letter: why it died, with all that another try needs. h: attempt, retries, recoveries, agent, resubmit_of.
local function dead_letter(queue, reason, err_type, entry, id, worker, payload, h)
  call('XADD', P .. queue .. ':dead', 'MAXLEN', '~', DEAD_MAX, '*', 'reason', reason, 'error_type', err_type, 'entry_id', entry or '',
    'task_id', id, 'worker_id', worker or '', 'dead_at', NOW, 'payload', payload or '', 'attempt', h[1] or '', 'retries', h[2] or '',
    'recoveries', h[3] or '', 'agent', h[4] or '', 'resubmit_of', h[5] or '')
end
local function bury(id, queue)
  local h = call('HMGET', TASK .. id, 'attempt', 'retries', 'recoveries', 'agent', 'resubmit_of', 'error', 'error_type', 'entry_id', 'worker_id')
  local payload = pcall_redis('GET', PAYLOAD .. id)
  dead_letter(queue, h[6] or '', h[7] or '', h[8], id, h[9], type(payload) == 'string' and payload, h)
end

-- Write the final state of a task, then its terminal event. f: hash fields
-- beside status and completed_at. The expiry counts from here; it is armed again unless what was
-- armed when the task was made is off by less than a hundredth. (One that never ran may have been due next year.)
local function end_task(id, queue, from, status, created, f, agent_json, message_json, seq, attempt, result_ttl, event_ttl, is_fresh)
  local age = created and NOW - created or TASK_TTL
  created = created or NOW
  call('HSET', TASK .. id, 'status', status, 'completed_at', NOW, unpack(f))
  if age > TASK_TTL / 100 or from ~= 'running' or tonumber(result_ttl) ~= TASK_TTL then
    call('EXPIRE', TASK .. id, result_ttl)
    call('EXPIRE', PAYLOAD .. id, result_ttl)
  end
  if from == status then
    -- Python's cancel has written the state, but knows no index.
    for _, word in ipairs({ 'pending', 'retrying' }) do index_drop(queue, word, id) end
    index_add(queue, status, created, id)
  end
  index_move(queue, from, status, created, id)
  feed(status, id, attempt)
  if status == 'failed' then pcall(bury, id, queue) end -- a task ends also where dead letters cannot be kept
  terminal_event(id, status, agent_json, message_json, seq, attempt, event_ttl, is_fresh)
end

-- End a cancelled task that nobody runs. What Python's cancel left may be no
-- more than a state.
local function end_cancelled(id, queue, from, created, agent, attempt, result_ttl, event_ttl)
  local f = {}
  if not created then
    f = { 'task_id', id, 'queue', queue, 'created_at', NOW, 'agent', agent or '' }
    hint('SADD', P .. 'orbiter:task:index', id)
  end
  end_task(id, queue, from, 'cancelled', created, f, json_str(agent or ''), json_str('Task ' .. id .. ' cancelled'),
    next_seq(id, attempt), attempt or '0', result_ttl, event_ttl)
end

-- End a task as failed that no attempt of its own ends.
local function end_failed(id, queue, from, created, agent, attempt, message, err_type, result_ttl, event_ttl)
  end_task(id, queue, from, 'failed', created, { 'error', message, 'error_type', err_type }, json_str(agent or ''), json_str(message),
    next_seq(id, attempt), attempt or '0', result_ttl, event_ttl)
end
local PAYLOAD_GONE = 'the task cannot be run again: its payload is gone'

-- A task that is not there yet: payload, entry (unless it is due later, ms), hash, index, feed. Its place, "" without an
-- entry; nil when there is a payload of this id.
local made = {}
local function new_task(stream, queue, id, agent, payload, ttl, priority, due)
  if not call('SET', PAYLOAD .. id, payload, 'NX', 'EX', ttl) then return end
  local entry = ''
  if due then
    call('ZADD', stream .. ':delayed', string.format('%.0f', due), id)
  else
    entry = enqueue(stream, priority, 'payload', payload, 'task_id', id)
  end
  call('HSET', TASK .. id, 'task_id', id, 'status', 'pending', 'created_at', NOW, 'queue', queue, 'agent', agent, 'entry_id', entry)
  if not empty(priority) and priority ~= '5' then call('HSET', TASK .. id, 'priority', priority) end
  call('EXPIRE', TASK .. id, ttl)
  index_add(queue, 'pending', NOW, id)
  feed('pending', id)
  made[#made + 1] = id
  return entry
end
local function write_made(queue)
  if #made == 0 then return end
  hint('SADD', P .. 'orbiter:task:index', unpack(made))
  hint('SADD', P .. 'orbiter:queues', queue)
end

-- The fence of everything a worker writes about a task it runs: it owns the
-- task, in this attempt. Returns the state, the time it was made, and what it has used so far; nil when another owns it now.
local function fence(id, worker, attempt)
  local h = call('HMGET', TASK .. id, 'worker_id', 'attempt', 'status', 'created_at', 'usage')
  if h[1] ~= worker or h[2] ~= attempt then return nil end
  return h[3], h[4] or nil, h[5] or ''
end
-- May the attempt still end? A cancelled task may, until that has happened.
local function is_open(id, status)
  return status == 'running' or (status == 'cancelled' and empty(call('HGET', TASK .. id, 'completed_at')))
end

-- Somebody else has ended it, by another of its entries: this one is done with too.
local function give_back(place, status)
  if not is_final(status) then return nil end
  spend(place)
  return status
end

-- The end of a call: what was collected is written.
local function write_all(stream, queue, worker)
  write_spent(stream)
  write_indexes()
  write_feed(queue, worker)
end


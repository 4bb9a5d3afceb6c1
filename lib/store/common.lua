-- Put before every script when they are embedded. ARGV[1] is the namespace
-- prefix, "" or "{ns}:"; time is the server's own.
local P = ARGV[1]
local clock = redis.call('TIME')
local NOW = clock[1] .. '.' .. string.format('%06d', clock[2])
local NOW_MS = clock[1] * 1000 + math.floor(clock[2] / 1000)
local FEED_MAX = 100000
local DEAD_MAX = 10000

local function task_key(id) return P .. 'orbiter:task:' .. id end
local function payload_key(id) return P .. 'orbiter:payload:' .. id end
local function index_key(queue, status) return P .. 'orbiter:index:' .. queue .. ':' .. status end
local function empty(v) return not v or v == '' end
local function is_final(status) return status == 'completed' or status == 'failed' or status == 'cancelled' end

-- The lifecycle feed: one entry a transition.
local function feed(status, id, queue, worker, attempt)
  redis.call('XADD', P .. 'orbiter:feed', 'MAXLEN', '~', FEED_MAX, '*', 'type', 'task.' .. status,
    'task_id', id, 'queue', queue, 'worker_id', worker or '', 'attempt', attempt or '0')
end

-- Index moves of one call are collected and written together.
local zadd, zrem = {}, {}
local function collect(into, key, a, b)
  local list = into[key]
  if not list then list = {}; into[key] = list end
  list[#list + 1] = a
  if b then list[#list + 1] = b end
end
local function index_add(queue, status, score, id) collect(zadd, index_key(queue, status), score, id) end
local function index_drop(queue, status, id) collect(zrem, index_key(queue, status), id) end
local function index_move(queue, from, to, score, id)
  if from == to then return end
  if from then index_drop(queue, from, id) end
  index_add(queue, to, score, id)
end
local function write_indexes()
  for key, list in pairs(zrem) do redis.call('ZREM', key, unpack(list)) end
  for key, list in pairs(zadd) do redis.call('ZADD', key, unpack(list)) end
end

-- Queue entries that are done with: acknowledged and deleted together.
local spent = {}
local function spend(entry) spent[#spent + 1] = entry end
local function write_spent(stream)
  if #spent == 0 then return end
  redis.call('XACK', stream, stream .. ':group', unpack(spent))
  redis.call('XDEL', stream, unpack(spent))
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

-- The seq after the last event in the stream: for whoever ends a task that
-- another process, or nobody, was running.
local function next_seq(id)
  local last = redis.call('XREVRANGE', P .. 'orbiter:stream:' .. id, '+', '-', 'COUNT', 1)[1]
  local seq = last and tostring(last[2][2]):match('"seq": (%d+), "attempt": %d+}$')
  return seq and seq + 1 or 1
end

local EVENT_WORD = { completed = 'completed', failed = 'error', cancelled = 'cancelled' }

-- The one terminal status event of a task.
local function terminal_event(id, status, agent_json, message_json, seq, attempt, ttl)
  local stream = P .. 'orbiter:stream:' .. id
  local json = '{"type": "status", "status": "' .. EVENT_WORD[status] .. '", "agent_name": ' .. agent_json ..
    ', "message": ' .. message_json .. ', "seq": ' .. seq .. ', "attempt": ' .. attempt .. '}'
  redis.call('XADD', stream, '*', 'event', json)
  redis.call('EXPIRE', stream, ttl)
  redis.call('PUBLISH', P .. 'orbiter:events:' .. id, json)
end

-- Write the final state of a task, then its terminal event. f: hash fields
-- beside status and completed_at.
local function end_task(id, queue, from, status, created, f, agent_json, message_json, seq, worker, attempt, result_ttl, event_ttl)
  local key = task_key(id)
  redis.call('HSET', key, 'status', status, 'completed_at', NOW, unpack(f))
  redis.call('EXPIRE', key, result_ttl)
  redis.call('EXPIRE', payload_key(id), result_ttl)
  if from == status then
    -- Python's cancel has written the state, but knows no index.
    for _, word in ipairs({ 'pending', 'running', 'retrying' }) do index_drop(queue, word, id) end
    index_add(queue, status, created or NOW, id)
  end
  index_move(queue, from, status, created or NOW, id)
  feed(status, id, queue, worker, attempt)
  terminal_event(id, status, agent_json, message_json, seq, attempt, event_ttl)
end

-- End a cancelled task that nobody runs.
local function end_cancelled(id, queue, from, created, agent, worker, attempt, result_ttl, event_ttl)
  end_task(id, queue, from, 'cancelled', created, {}, json_str(agent or ''), json_str('Task ' .. id .. ' cancelled'),
    next_seq(id), worker or '', attempt or '0', result_ttl, event_ttl)
end

-- The fence of everything a worker writes about a task it runs: it owns the
-- task, in this attempt. Returns the state, the time it was made, and how
-- often it was retried; nil when another owns it now.
local function fence(id, worker, attempt)
  local h = redis.call('HMGET', task_key(id), 'worker_id', 'attempt', 'status', 'completed_at', 'created_at', 'retries', 'agent')
  if h[1] ~= worker or h[2] ~= attempt then return nil end
  return h[3], h[4], h[5], tonumber(h[6] or 0) or 0, h[7]
end
local function is_open(status, completed)
  return status == 'running' or (status == 'cancelled' and empty(completed))
end


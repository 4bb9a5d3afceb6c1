-- Submit tasks. KEYS: queue. ARGV: prefix, queue name, ttl, then for each task:
-- id, "1" when a user chose that id, agent, payload, extras. Reply per task: the place of its entry, "" when it
-- waits for its time; EXISTS; "FIRST {id}": the task that was submitted with its idempotency key;
-- "FULL {n}": n tasks wait already.
-- extras: "" or words name=value with blanks between, then, behind a newline, the idempotency key. priority;
-- delay (ms from now), at (ms since 1970): not before the later of both; deadline (ms from when it is due);
-- depth (most tasks that may wait); resubmit_of; replica=1: WAIT follows.
local stream, queue, ttl = KEYS[1], ARGV[2], ARGV[3]
local out = {}
local depth -- how many wait, once somebody has asked
call('XLEN', stream) -- raises, before anything is written, when the key is no stream

local function read_extras(text)
  local words, key = text:match('^([^\n]*)\n?(.*)$')
  local x = {}
  for name, value in words:gmatch('(%S+)=(%S+)') do x[name] = value end
  if key ~= '' then x.idem = P .. 'orbiter:idem:' .. redis.sha1hex(key) end
  local due = math.max(NOW_MS + (tonumber(x.delay) or 0), tonumber(x.at) or 0)
  if due > NOW_MS then x.due = due end
  x.deadline = x.deadline and (due + x.deadline) / 1000
  x.ttl = string.format('%.0f', ttl + math.ceil((due - NOW_MS) / 1000))
  if x.due then call('ZCARD', stream .. ':delayed') end -- both raise, as above
  if x.priority and x.priority ~= '5' then call('XLEN', stream .. ':p' .. x.priority) end
  return x
end

-- WAIT counts the writes of its own connection: one that changes nothing makes it wait for those of the first call.
local function touch(id)
  if pcall_redis('HEXISTS', TASK .. id, 'task_id') == 1 then call('HSET', TASK .. id, 'task_id', id) end
end

-- The task is there already: the same call once more brings the same payload, made at the same microsecond.
local function again(id, payload, x)
  if pcall_redis('GET', PAYLOAD .. id) ~= payload then return 'EXISTS' end
  if x and x.replica then touch(id) end
  return pcall_redis('HGET', TASK .. id, 'entry_id')
end

-- An answer when it is not to be submitted at all, else nil.
local function refuse(id, is_there, x)
  local first = x.idem and pcall_redis('GET', x.idem)
  if type(first) == 'string' then
    if x.replica then touch(first) end
    return first == id and pcall_redis('HGET', TASK .. id, 'entry_id') or 'FIRST ' .. first
  end
  if x.depth and not is_there and call('EXISTS', PAYLOAD .. id) == 0 then
    depth = depth or count_waiting(stream)
    if depth >= tonumber(x.depth) then return 'FULL ' .. depth end
  end
end

local function write_extras(key, id, x)
  local f = {}
  local function field(name, value) if value then f[#f + 1] = name; f[#f + 1] = value end end
  field('due_at', x.due and string.format('%.3f', x.due / 1000))
  field('deadline', x.deadline and string.format('%.3f', x.deadline))
  field('resubmit_of', x.resubmit_of)
  if #f > 0 then call('HSET', key, unpack(f)) end
  if x.idem then call('SET', x.idem, id, 'EX', x.ttl) end
end

local function submit(id, is_chosen, agent, payload, x)
  local key, life = TASK .. id, x and x.ttl or ttl
  -- A task that only Python has touched has a hash and no payload; made ids do not meet those.
  local is_there = is_chosen == '1' and call('EXISTS', key) == 1
  local no = x and refuse(id, is_there, x)
  if no then return no end
  if is_there then return again(id, payload, x) end
  local entry = new_task(stream, queue, id, agent, payload, life, x and x.priority, x and x.due)
  if not entry then return again(id, payload, x) end
  if x then write_extras(key, id, x) end
  if depth then depth = depth + 1 end
  return entry
end

local extras = {}
for i = 8, #ARGV, 5 do extras[i] = ARGV[i] ~= '' and read_extras(ARGV[i]) end
for i = 4, #ARGV, 5 do
  out[#out + 1] = submit(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], extras[i + 4])
end
write_made(queue)
write_indexes()
write_feed(queue)
return out

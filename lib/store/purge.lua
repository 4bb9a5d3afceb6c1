-- End the tasks that wait in a queue, some at a time: those made before the first call; running ones are left.
-- KEYS: queue. ARGV: prefix, queue name, who, from where, nonce of this request, number of this call (from 1), result ttl, event
-- ttl. Reply: {what, ended}: unknown (there is no such queue); no stream (its key is something else); more (call again with the next number); done. ended: tasks,
-- by all calls so far.
-- with: delivered known
local stream, queue, who, from, nonce, number, result_ttl, event_ttl = KEYS[1], unpack(ARGV, 2)
local SLICE, PAGE, BYTES_MAX = 100, 16, 1024 * 1024
local operation, delayed = P .. 'orbiter:operation:' .. nonce, stream .. ':delayed'
local s = call('HMGET', operation, 'number', 'what', 'ended', 'start', 'at', 'entries_until')
if s[1] == number then return { s[2], tonumber(s[3]) } end
local kind = call('TYPE', stream).ok
if kind ~= 'stream' and kind ~= 'none' then return { 'no stream', 0 } end
if not s[1] and not is_known(stream, queue) then return { 'unknown', 0 } end

-- Where it stands: in the delayed set at a due time, so many of which were left; or in the stream of a priority behind an id.
local start, at, entries_until = s[4] or NOW, s[5] or 'delayed -inf 0', tonumber(s[6] or '')
local ended, dropped, room, bytes = tonumber(s[3] or '') or 0, 0, SLICE, 0
local waiting = s[1] and 0 or count_waiting(stream)
if not s[1] then check_audit() end
call('HSET', operation, 'start', start) -- fails here, before anything is done, when Redis is out of memory
call('EXPIRE', operation, OPERATION_TTL)

-- A task that a Python client queued and no sweep has seen. Its state so far, made from the entry.
local function take_over(id, place, payload)
  local ok, task = pcall(cjson.decode, payload)
  local agent = ok and type(task) == 'table' and type(task.agent_config) == 'table' and task.agent_config.name
  local ms = place:match('^%d+')
  local created = ms:sub(1, -4) .. '.' .. ms:sub(-3) .. '000'
  agent = type(agent) == 'string' and agent or ''
  if tonumber(created) <= tonumber(start) then
    call('HSET', TASK .. id, 'task_id', id, 'created_at', created, 'queue', queue, 'agent', agent)
    call('SET', PAYLOAD .. id, payload, 'EX', result_ttl)
    hint('SADD', P .. 'orbiter:task:index', id)
  end
  return created, agent
end

-- End the task. True when what stands for it, an entry or (place '') an id in the delayed set, is to go.
local function purge(id, place, payload)
  local h = call('HMGET', TASK .. id, 'status', 'completed_at', 'created_at', 'agent', 'attempt', 'result')
  local status, created, agent = h[1], h[3] or nil, h[4]
  if not status and call('EXISTS', TASK .. id) == 0 then
    if place == '' then return true end
    created, agent = take_over(id, place, payload)
  end
  if created and tonumber(created) and tonumber(created) > tonumber(start) then return false end
  if status == 'running' then return false end
  if is_final(status) and not (status == 'cancelled' and empty(h[2]) and empty(h[6])) then return true end
  if not INDEX[status] then status = 'pending' end
  if status ~= 'cancelled' then call('HSET', TASK .. id, 'cancel_requested_at', NOW, 'cancelled_from', status) end
  call('ZREM', delayed, id)
  end_cancelled(id, queue, status, created, agent, h[5] or '0', result_ttl, event_ttl)
  ended = ended + 1
  return true
end
-- A task whose keys are not what they should be cannot be run either.
local function purge_safely(...)
  local ok, is_to_go = pcall(purge, ...)
  if ok then return is_to_go end
  if not is_wrong_key(is_to_go) then error(is_to_go) end
  return true
end

local function walk_delayed(pos, skip)
  skip = tonumber(skip)
  local page = call('ZRANGEBYSCORE', delayed, pos, '+inf', 'WITHSCORES', 'LIMIT', skip, room)
  for i = 1, #page, 2 do
    if page[i + 1] ~= pos then pos, skip = page[i + 1], 0 end
    if purge_safely(page[i], '') then
      call('ZREM', delayed, page[i])
    else
      skip = skip + 1
    end
  end
  local is_last = #page < 2 * room
  room = room - #page / 2
  if not is_last then return 'delayed ' .. pos .. ' ' .. skip end
  entries_until = NOW_MS -- what became due meanwhile has got an entry by now
  return '9 0-0'
end

local function id_of(fields, payload)
  local id = field_of(fields, 'task_id')
  if not id and payload then
    local ok, task = pcall(cjson.decode, payload)
    id = ok and type(task) == 'table' and task.task_id or payload:match('^{%s*"task_id"%s*:%s*"([%w._-]+)"')
  end
  return type(id) == 'string' and #id <= 128 and id:match('^[%w._-]+$') and id ~= 'index' and id
end

local function walk_entries(priority, pos)
  local n = tonumber(priority)
  local key, suffix = n == 5 and stream or stream .. ':p' .. n, n == 5 and '' or '@' .. n
  local last = last_delivered(key)
  if last and is_behind(pos, last) then pos = last end
  local count = math.min(room, PAGE)
  local page = pcall_redis('XRANGE', key, '(' .. pos, string.format('%.0f', entries_until), 'COUNT', count)
  if page.err then page = {} end
  for _, entry in ipairs(page) do
    local place, payload = entry[1] .. suffix, field_of(entry[2], 'payload')
    local id = id_of(entry[2], payload)
    pos, bytes = entry[1], bytes + #(payload or '')
    if not id or not payload then dropped = dropped + 1 end
    if not id or not payload or purge_safely(id, place, payload) then spend(place) end
  end
  room = room - #page
  if #page == count then return n .. ' ' .. pos end
  return n > 0 and (n - 1) .. ' 0-0' or 'end'
end

while at ~= 'end' and room > 0 and bytes < BYTES_MAX do
  local word, pos, skip = at:match('^(%S+) (%S+) ?(%d*)$')
  if word == 'delayed' then at = walk_delayed(pos, skip) else at = walk_entries(word, pos) end
end
write_all(stream, queue)
local what = at == 'end' and 'done' or 'more'
call('HSET', operation, 'number', number, 'what', what, 'ended', ended, 'at', at, 'entries_until', string.format('%.0f', entries_until or 0))
if what == 'done' and (s[1] or waiting > 0 or ended + dropped > 0) or not s[1] and what == 'more' then
  audit(who, from, 'purge', queue, s[1] and 'purging' or 'waiting=' .. waiting, what == 'more' and 'purging' or 'ended=' .. ended)
end
return { what, ended }

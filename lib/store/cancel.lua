-- Cancel one task. ARGV: prefix, who, from where, task id, nonce of this request, result ttl,
-- event ttl, where to go on ("" at first), what was seen of it (seen.lua). Reply: {what, state}: unknown; finished (state it is
-- in); ended (nobody ran it: it has ended now); asked (its worker was told); more: it is looked for among the entries, state:
-- where to go on; changed: it is not as it was seen, state: what it is now. state: what it was in before.
-- with: delivered seen
local who, from, id, nonce, result_ttl, event_ttl, behind = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8] or ''
local seen = ARGV[9] or ''
local SLICE, PAGE, BYTES_MAX = 64, 16, 256 * 1024
local MOST = 10000 -- entries of one queue that are looked at
local key = TASK .. id
local STATUS = { pending = 1, running = 1, completed = 1, failed = 1, cancelled = 1, retrying = 1 }

-- End a task that only an entry stands for.
local function cancel_entry(queue, entry, payload, agent_config)
  local agent = type(agent_config) == 'table' and agent_config.name
  check_audit()
  call('XDEL', P .. queue, entry)
  hint('SADD', P .. 'orbiter:queues', queue)
  call('HSET', key, 'cancel_requested_at', NOW, 'cancel_nonce', nonce, 'cancelled_from', 'pending', 'queue', queue)
  call('SET', PAYLOAD .. id, payload, 'EX', result_ttl)
  end_cancelled(id, queue, nil, nil, type(agent) == 'string' and agent or '', '0', result_ttl, event_ttl)
  write_indexes()
  write_feed(queue)
  audit(who, from, 'cancel', id, 'pending', 'cancelled')
end

-- Look at entries of a queue that lie behind one; the last it has looked at, nil when there are no more; true when the task
-- was there and has ended.
local room, bytes = SLICE, 0
local function look_through(queue, pos)
  while room > 0 and bytes < BYTES_MAX do
    local page = pcall_redis('XRANGE', P .. queue, '(' .. pos, '+', 'COUNT', PAGE)
    for _, entry in ipairs(page.err and {} or page) do
      local payload = field_of(entry[2], 'payload') or ''
      pos, room, bytes = entry[1], room - 1, bytes + #payload
      if payload:find('"' .. id .. '"', 1, true) then
        local ok, task = pcall(cjson.decode, payload)
        if ok and type(task) == 'table' and task.task_id == id then
          cancel_entry(queue, pos, payload, task.agent_config)
          return nil, true
        end
      end
    end
    if #page < PAGE then return end
  end
  return pos
end

-- A task that a Python client queued has no hash until a worker takes it, or a sweep has seen it: it is looked for among the
-- entries that nobody has been given yet.
local function cancel_unclaimed()
  local from_queue, pos, seen = behind:match('^(%S+) (%S+) (%d+)$')
  local queues = call('SMEMBERS', P .. 'orbiter:queues')
  queues[#queues + 1] = 'orbiter:tasks'
  table.sort(queues)
  for i, queue in ipairs(queues) do
    if queue:find('^%S+$') and queue ~= queues[i - 1] and queue >= (from_queue or '') then
      if queue ~= from_queue then
        pos, seen = last_delivered(P .. queue) or '0-0', 0
      end
      local had, is_found = room, nil
      pos, is_found = look_through(queue, pos)
      if is_found then return { 'ended', 'pending' } end
      seen = seen + had - room
      if pos and seen < MOST then return { 'more', queue .. ' ' .. pos .. ' ' .. seen } end
    end
  end
  return { 'unknown', '' }
end

local h = call('HMGET', key, 'status', 'completed_at', 'queue', 'entry_id', 'created_at', 'agent', 'worker_id',
  'attempt', 'cancel_nonce', 'cancelled_from', 'result')
local status = h[1]
if not status and call('EXISTS', key) == 0 then
  if changed_task(seen, 'pending', '0') then return { 'unknown', '' } end -- it is gone since
  return cancel_unclaimed()
end
if not STATUS[status] then status = 'pending' end
-- The same request once more: the first answer.
if h[9] == nonce then return { h[10] == 'running' and 'asked' or 'ended', h[10] } end
-- Python's cancel overwrites the state of a finished task, but leaves its result.
if status == 'cancelled' and not empty(h[11]) then return { 'finished', 'completed' } end
local now = changed_task(seen, status, h[8])
if now then return { 'changed', now } end
if is_final(status) and not (status == 'cancelled' and empty(h[2])) then return { 'finished', status } end
if status == 'cancelled' and not empty(h[7]) then return { 'asked', 'cancelled' } end

local queue = empty(h[3]) and 'orbiter:tasks' or h[3]
local created, attempt = h[5] or nil, h[8] or '0'
-- Who may not touch the queue is told so before anything is written.
local len = pcall_redis('XLEN', P .. queue)
if type(len) == 'table' and not is_wrong_key(len) then return len end
check_audit()
call('HSET', key, 'task_id', id, 'cancel_requested_at', NOW, 'cancel_nonce', nonce, 'cancelled_from', status)
if status == 'running' then
  call('HSET', key, 'status', 'cancelled')
  call('EXPIRE', key, result_ttl)
  -- Until it has ended it stays with the open ones, where the sweep looks whether somebody is there to end it.
  index_add(queue, status, created or NOW, id)
  feed('cancelled', id, attempt)
else
  local stream = P .. queue
  pcall_redis('ZREM', stream .. ':delayed', id)
  if not empty(h[4]) then
    local stream_key, group, entry = locate(stream, h[4])
    if pcall_redis('XDEL', stream_key, entry) == 1 then pcall_redis('XACK', stream_key, group, entry) end
  end
  end_cancelled(id, queue, status, created, h[6], attempt, result_ttl, event_ttl)
end
write_indexes()
write_feed(queue, h[7] or '')
audit(who, from, 'cancel', id, status, 'cancelled')
-- Last: who may not publish has still cancelled.
pcall_redis('PUBLISH', P .. 'orbiter:cancel:' .. id, 'cancel')
return { status == 'running' and 'asked' or 'ended', status }

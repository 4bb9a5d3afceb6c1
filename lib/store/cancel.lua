-- Cancel one task. ARGV: prefix, who, from where, task id, nonce of this request, result ttl,
-- event ttl. Reply: {what, state}: unknown; finished (state it is in); ended (nobody ran it: it
-- has ended now); asked (its worker was told). state: what it was in before.
local who, from, id, nonce, result_ttl, event_ttl = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local key = TASK .. id
local STATUS = { pending = 1, running = 1, completed = 1, failed = 1, cancelled = 1, retrying = 1 }

-- A task that a Python client queued has no hash until a worker takes it: it is looked for among the
-- entries that nobody has been given yet.
local function cancel_unclaimed()
  local queues = call('SMEMBERS', P .. 'orbiter:queues')
  queues[#queues + 1] = 'orbiter:tasks'
  for _, queue in ipairs(queues) do
    local stream = P .. queue
    local groups, last = pcall_redis('XINFO', 'GROUPS', stream), '0-0'
    for _, group in ipairs(groups.err and {} or groups) do
      local info = {}
      for i = 1, #group, 2 do info[group[i]] = group[i + 1] end
      if info.name == stream .. ':group' then last = info['last-delivered-id'] end
    end
    local entries = pcall_redis('XRANGE', stream, '(' .. last, '+', 'COUNT', 10000)
    for _, entry in ipairs(entries.err and {} or entries) do
      local payload
      for i = 1, #entry[2], 2 do if entry[2][i] == 'payload' then payload = entry[2][i + 1] end end
      if payload and payload:find('"' .. id .. '"', 1, true) then
        local ok, task = pcall(cjson.decode, payload)
        if ok and type(task) == 'table' and task.task_id == id then
          local agent = type(task.agent_config) == 'table' and task.agent_config.name
          check_audit()
          call('XDEL', stream, entry[1])
          hint('SADD', P .. 'orbiter:queues', queue)
          call('HSET', key, 'cancel_requested_at', NOW, 'cancel_nonce', nonce, 'cancelled_from', 'pending', 'queue', queue)
          call('SET', PAYLOAD .. id, payload, 'EX', result_ttl)
          end_cancelled(id, queue, nil, nil, type(agent) == 'string' and agent or '', '0', result_ttl, event_ttl)
          write_indexes()
          write_feed(queue)
          audit(who, from, 'cancel', id, 'pending', 'cancelled')
          return 'pending'
        end
      end
    end
  end
end

local h = call('HMGET', key, 'status', 'completed_at', 'queue', 'entry_id', 'created_at', 'agent', 'worker_id',
  'attempt', 'cancel_nonce', 'cancelled_from', 'result')
local status = h[1]
if not status and call('EXISTS', key) == 0 then
  status = cancel_unclaimed()
  return { status and 'ended' or 'unknown', status or '' }
end
if not STATUS[status] then status = 'pending' end
-- The same request once more: the first answer.
if h[9] == nonce then return { h[10] == 'running' and 'asked' or 'ended', h[10] } end
-- Python's cancel overwrites the state of a finished task, but leaves its result.
if status == 'cancelled' and not empty(h[11]) then return { 'finished', 'completed' } end
if is_final(status) and not (status == 'cancelled' and empty(h[2])) then return { 'finished', status } end
if status == 'cancelled' and not empty(h[7]) then return { 'asked', 'cancelled' } end

local queue = empty(h[3]) and 'orbiter:tasks' or h[3]
local created, attempt = h[5] or nil, h[8] or '0'
-- Who may not touch the queue is told so before anything is written.
local len = pcall_redis('XLEN', P .. queue)
if type(len) == 'table' and not len.err:find('WRONGTYPE', 1, true) then return len end
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

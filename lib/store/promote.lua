-- Look after a queue: move delayed tasks that are due to it, and drop from the
-- indexes what has expired. KEYS: queue. ARGV: prefix, queue name, most, result ttl, event ttl.
-- Reply: {moved, ms until the next is due or -1}.
local stream, queue, most, result_ttl, event_ttl = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local delayed = stream .. ':delayed'

local function promote(id)
  local key = TASK .. id
  local h = call('HMGET', key, 'status', 'created_at', 'agent', 'attempt', 'completed_at')
  local status, created = h[1], h[2] or nil
  if status == 'cancelled' and empty(h[5]) then
    -- Python's cancel: it writes the state, and nobody is there to end the task.
    end_cancelled(id, queue, status, created, h[3], h[4] or '0', result_ttl, event_ttl)
  elseif status == 'retrying' then
    local payload = call('GET', PAYLOAD .. id)
    if payload then
      call('HSET', key, 'entry_id', call('XADD', stream, '*', 'payload', payload, 'task_id', id))
      return
    end
    local message = 'the task could not be tried again: its payload is gone'
    end_task(id, queue, status, 'failed', created, { 'error', message, 'error_type', 'InternalError' }, json_str(h[3] or ''),
      json_str(message), next_seq(id), h[4] or '0', result_ttl, event_ttl)
  end
end

-- Oldest first, a few at a time: a task in a final index is gone when its hash is.
local function prune(status)
  local key, gone = index_key(queue, status), {}
  local before = string.format('%.0f', (NOW_MS - result_ttl * 1000) * 1000)
  for _, id in ipairs(call('ZRANGEBYSCORE', key, '-inf', before, 'LIMIT', 0, 200)) do
    if call('EXISTS', TASK .. id) == 0 then gone[#gone + 1] = id end
  end
  if #gone == 0 then return end
  call('ZREM', key, unpack(gone))
  call('SREM', P .. 'orbiter:task:index', unpack(gone))
end

local due = call('ZRANGEBYSCORE', delayed, '-inf', string.format('%.0f', NOW_MS), 'LIMIT', 0, most)
for _, id in ipairs(due) do
  call('ZREM', delayed, id)
  pcall(promote, id) -- one whose keys are not what they should be must not stop the others
end
for _, status in ipairs({ 'completed', 'failed', 'cancelled' }) do prune(status) end
write_indexes()
write_feed(queue)
local first = call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
return { #due, first[2] and math.max(0, first[2] - NOW_MS) or -1 }

-- Hand running tasks back to the queue, uncounted. KEYS: queue. ARGV: prefix,
-- queue name, worker id, result ttl, event ttl, then for each task: entry id,
-- task id, attempt ("" when it was delivered but never begun). Reply per task: the state it has now, or STALE.
local stream, queue, worker, result_ttl, event_ttl = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local out = {}

-- A new entry behind all others, as a fresh submit would have it. One that a
-- Python client queued keeps its form: task_id would say that the payload is kept.
local function queue_again(entry, id)
  local old = redis.call('XRANGE', stream, entry, entry)[1]
  local payload = redis.call('GET', payload_key(id))
  spend(entry)
  if payload then return redis.call('XADD', stream, '*', 'payload', payload, 'task_id', id) end
  for i = 1, old and #old[2] or 0, 2 do
    if old[2][i] == 'payload' then return redis.call('XADD', stream, '*', 'payload', old[2][i + 1]) end
  end
end

local function requeue(entry, id, attempt)
  local status, completed, created, _, agent
  if attempt == '' then
    if #redis.call('XPENDING', stream, stream .. ':group', entry, entry, 1, worker) == 0 then return 'STALE' end
    local again = queue_again(entry, id)
    if again and redis.call('HGET', task_key(id), 'entry_id') == entry then
      redis.call('HSET', task_key(id), 'entry_id', again)
    end
    return 'pending'
  end
  status, completed, created, _, agent = fence(id, worker, attempt)
  if not status then return 'STALE' end
  if not is_open(status, completed) then return status end
  if status == 'cancelled' then
    spend(entry)
    end_cancelled(id, queue, status, created, agent, worker, attempt, result_ttl, event_ttl)
    return 'cancelled'
  end
  local again = queue_again(entry, id)
  if not again then
    local message = 'the task could not be handed back: its payload is gone'
    end_task(id, queue, status, 'failed', created, { 'error', message, 'error_type', 'InternalError' }, json_str(agent or ''),
      json_str(message), next_seq(id), worker, attempt, result_ttl, event_ttl)
    return 'failed'
  end
  redis.call('HSET', task_key(id), 'status', 'pending', 'entry_id', again)
  index_move(queue, status, 'pending', created or NOW, id)
  feed('pending', id, queue, worker, attempt)
  return 'pending'
end

for i = 6, #ARGV, 3 do
  out[#out + 1] = requeue(ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
write_spent(stream)
write_indexes()
return out

-- Hand running tasks back to the queue, uncounted. KEYS: queue. ARGV: prefix,
-- queue name, worker id, result ttl, event ttl, then for each task: entry id,
-- task id, attempt ("" when it was delivered but never begun). Reply per task: the state it has now, or STALE.
local stream, queue, worker, result_ttl, event_ttl = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local out = {}

-- A new entry behind all others, as a fresh submit would have it. One that a
-- Python client queued keeps its form: task_id would say that the payload is kept.
local function queue_again(entry, id)
  local old = call('XRANGE', stream, entry, entry)[1]
  local payload = call('GET', PAYLOAD .. id)
  spend(entry)
  if payload then return call('XADD', stream, '*', 'payload', payload, 'task_id', id) end
  for i = 1, old and #old[2] or 0, 2 do
    if old[2][i] == 'payload' then return call('XADD', stream, '*', 'payload', old[2][i + 1]) end
  end
end

local function requeue(entry, id, attempt)
  if attempt == '' then
    if #call('XPENDING', stream, stream .. ':group', entry, entry, 1, worker) == 0 then return 'STALE' end
    local again = queue_again(entry, id)
    if again and call('HGET', TASK .. id, 'entry_id') == entry then
      call('HSET', TASK .. id, 'entry_id', again)
    end
    return 'pending'
  end
  local status, created = fence(id, worker, attempt)
  if not status then return 'STALE' end
  if not is_open(id, status) then return status end
  local agent = call('HGET', TASK .. id, 'agent') or ''
  if status == 'cancelled' then
    spend(entry)
    end_cancelled(id, queue, status, created, agent, attempt, result_ttl, event_ttl)
    return 'cancelled'
  end
  local again = queue_again(entry, id)
  if not again then
    local message = 'the task could not be handed back: its payload is gone'
    end_task(id, queue, status, 'failed', created, { 'error', message, 'error_type', 'InternalError' }, json_str(agent),
      json_str(message), next_seq(id), attempt, result_ttl, event_ttl)
    return 'failed'
  end
  call('HSET', TASK .. id, 'status', 'pending', 'entry_id', again)
  index_move(queue, status, 'pending', created or NOW, id)
  feed('pending', id, attempt)
  return 'pending'
end

for i = 6, #ARGV, 3 do
  out[#out + 1] = requeue(ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
write_all(stream, queue, worker)
return out

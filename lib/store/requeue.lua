-- Hand running tasks back to the queue, uncounted. KEYS: queue. ARGV: prefix,
-- queue name, worker id, result ttl, event ttl, then for each task: place,
-- task id, attempt ("" when it was delivered but never begun), usage. Reply per task: the state it has now, or STALE, or what is wrong with its keys.
-- with: used
local stream, queue, worker, result_ttl, event_ttl = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local out = {}

-- A new entry behind all others, as a fresh submit would have it. One that a
-- Python client queued keeps its form: task_id would say that the payload is kept.
local function queue_again(place, id)
  local old = read_entry(stream, place)
  local payload = call('GET', PAYLOAD .. id)
  local priority = place:match('@(%d)$')
  spend(place)
  if payload then return enqueue(stream, priority, 'payload', payload, 'task_id', id) end
  payload = field_of(old, 'payload')
  return payload and enqueue(stream, priority, 'payload', payload)
end

local function requeue(place, id, attempt, usage)
  if attempt == '' then
    if not is_pending_on(stream, place, worker) then return 'STALE' end
    local again = queue_again(place, id)
    if again and call('HGET', TASK .. id, 'entry_id') == place then
      call('HSET', TASK .. id, 'entry_id', again)
    end
    return 'pending'
  end
  local status, created, before = fence(id, worker, attempt)
  if not status then return 'STALE' end
  if not is_open(id, status) then return give_back(place, status) or status end
  if usage ~= '' then
    call('HSET', TASK .. id, 'usage', usage)
    account(before, usage)
  end
  local agent = call('HGET', TASK .. id, 'agent') or ''
  if status == 'cancelled' then
    spend(place)
    end_cancelled(id, queue, status, created, agent, attempt, result_ttl, event_ttl)
    return 'cancelled'
  end
  local again = queue_again(place, id)
  if not again then
    end_failed(id, queue, status, created, agent, attempt, PAYLOAD_GONE, 'InternalError', result_ttl, event_ttl)
    return 'failed'
  end
  call('HSET', TASK .. id, 'status', 'pending', 'entry_id', again)
  index_move(queue, status, 'pending', created or NOW, id)
  feed('pending', id, attempt)
  return 'pending'
end

for i = 6, #ARGV, 4 do
  out[#out + 1] = move_one(requeue, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
end
write_used(stream)
write_all(stream, queue, worker)
return out

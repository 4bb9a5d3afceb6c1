-- Begin attempts at delivered entries. KEYS: queue. ARGV: prefix, queue name,
-- worker id, ttl, result ttl, event ttl, then for each entry: entry id, task id, agent,
-- payload ("" when the submit script keeps it). Reply per entry:
-- {what, attempt, retries}, what = run, done, duplicate, cancelled.
local stream, queue, worker, ttl = KEYS[1], ARGV[2], ARGV[3], ARGV[4]
local result_ttl, event_ttl = ARGV[5], ARGV[6]
local out, ids = {}, {}

local function begin(entry, id, agent, payload)
  local key = task_key(id)
  local h = redis.call('HMGET', key, 'status', 'worker_id', 'entry_id', 'attempt', 'retries', 'completed_at', 'created_at', 'agent')
  local status, retries = h[1], tonumber(h[5] or 0) or 0
  if status == 'cancelled' and empty(h[6]) then
    spend(entry)
    end_cancelled(id, queue, status, h[7], h[8] or agent, worker, h[4] or '0', result_ttl, event_ttl)
    return { 'cancelled', h[4] or '0', retries }
  end
  if is_final(status) then
    spend(entry)
    return { 'done', h[4] or '0', retries }
  end
  if status == 'running' and h[3] == entry and h[2] == worker then
    return { 'run', h[4], retries }
  end
  if status == 'running' and h[3] and h[3] ~= entry then
    spend(entry)
    return { 'duplicate', h[4] or '0', retries }
  end
  local attempt = tostring((tonumber(h[4] or 0) or 0) + 1)
  redis.call('HSET', key, 'task_id', id, 'status', 'running', 'worker_id', worker, 'started_at', NOW, 'completed_at', '',
    'error', '', 'attempt', attempt, 'entry_id', entry)
  if attempt ~= '1' then redis.call('HSET', key, 'error_type', '', 'partial', '') end
  local created = h[7]
  if not created then
    -- A Python client queued it: it has no hash yet.
    created = NOW
    redis.call('HSET', key, 'created_at', NOW, 'queue', queue, 'agent', agent)
    ids[#ids + 1] = id
  end
  if payload ~= '' then redis.call('SET', payload_key(id), payload, 'EX', ttl) end
  -- Armed at submit for a day: only what has waited long needs it again.
  if not h[7] or NOW - created > 3600 then
    redis.call('EXPIRE', key, ttl)
    redis.call('EXPIRE', payload_key(id), ttl)
  end
  index_move(queue, status, 'running', created, id)
  feed('running', id, queue, worker, attempt)
  return { 'run', attempt, retries }
end

for i = 7, #ARGV, 4 do
  out[#out + 1] = begin(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
end
if #ids > 0 then
  redis.call('SADD', P .. 'orbiter:task:index', unpack(ids))
  redis.call('SADD', P .. 'orbiter:queues', queue)
end
write_spent(stream)
write_indexes()
return out

-- Move delayed tasks that are due to the queue. KEYS: queue. ARGV: prefix,
-- queue name, most, result ttl, event ttl. Reply: {moved, ms until the next is due or -1}.
local stream, queue, most, result_ttl, event_ttl = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local delayed = stream .. ':delayed'
local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', string.format('%.0f', NOW_MS), 'LIMIT', 0, most)
for _, id in ipairs(due) do
  local key = task_key(id)
  local h = redis.call('HMGET', key, 'status', 'created_at', 'agent', 'worker_id', 'attempt')
  local payload = redis.call('GET', payload_key(id))
  redis.call('ZREM', delayed, id)
  if h[1] == 'retrying' and payload then
    redis.call('HSET', key, 'entry_id', redis.call('XADD', stream, '*', 'payload', payload, 'task_id', id))
  elseif h[1] == 'retrying' then
    local message = 'the task could not be tried again: its payload is gone'
    end_task(id, queue, 'retrying', 'failed', h[2], { 'error', message, 'error_type', 'InternalError' }, json_str(h[3] or ''),
      json_str(message), next_seq(id), h[4], h[5] or '0', result_ttl, event_ttl)
  end
end
write_indexes()
local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
return { #due, first[2] and math.max(0, first[2] - NOW_MS) or -1 }

-- Submit tasks. KEYS: queue. ARGV: prefix, queue name, ttl, then for each task:
-- id, nonce, agent, payload. Reply per task: its entry id, or EXISTS.
local stream, queue, ttl = KEYS[1], ARGV[2], ARGV[3]
local out, ids = {}, {}
for i = 4, #ARGV, 4 do
  local id, nonce, agent, payload = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local key = task_key(id)
  if redis.call('EXISTS', key) == 1 then
    local seen = redis.call('HMGET', key, 'nonce', 'submitted_as')
    out[#out + 1] = seen[1] == nonce and seen[2] or 'EXISTS'
  else
    local entry = redis.call('XADD', stream, '*', 'payload', payload, 'task_id', id)
    redis.call('HSET', key, 'task_id', id, 'status', 'pending', 'created_at', NOW, 'queue', queue, 'agent', agent,
      'entry_id', entry, 'submitted_as', entry, 'nonce', nonce)
    redis.call('EXPIRE', key, ttl)
    redis.call('SET', payload_key(id), payload, 'EX', ttl)
    index_add(queue, 'pending', NOW, id)
    feed('pending', id, queue)
    ids[#ids + 1] = id
    out[#out + 1] = entry
  end
end
if #ids > 0 then
  redis.call('SADD', P .. 'orbiter:task:index', unpack(ids))
  redis.call('SADD', P .. 'orbiter:queues', queue)
end
write_indexes()
return out

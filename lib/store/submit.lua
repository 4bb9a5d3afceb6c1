-- Submit tasks. KEYS: queue. ARGV: prefix, queue name, ttl, then for each task:
-- id, "1" when a user chose that id, agent, payload. Reply per task: its entry id, or EXISTS.
local stream, queue, ttl = KEYS[1], ARGV[2], ARGV[3]
local out, ids = {}, {}
call('XLEN', stream) -- raises, before anything is written, when the key is no stream
for i = 4, #ARGV, 4 do
  local id, is_chosen, agent, payload = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local key = TASK .. id
  -- A task that only Python has touched has a hash and no payload; made ids do not meet those.
  local is_there = is_chosen == '1' and call('EXISTS', key) == 1
  if is_there or not call('SET', PAYLOAD .. id, payload, 'NX', 'EX', ttl) then
    -- The same call once more: it brings the same payload, made at the same microsecond.
    local is_same = pcall_redis('GET', PAYLOAD .. id) == payload
    out[#out + 1] = is_same and pcall_redis('HGET', key, 'entry_id') or 'EXISTS'
  else
    local entry = call('XADD', stream, '*', 'payload', payload, 'task_id', id)
    call('HSET', key, 'task_id', id, 'status', 'pending', 'created_at', NOW, 'queue', queue, 'agent', agent, 'entry_id', entry)
    call('EXPIRE', key, ttl)
    index_add(queue, 'pending', NOW, id)
    feed('pending', id)
    ids[#ids + 1] = id
    out[#out + 1] = entry
  end
end
if #ids > 0 then
  call('SADD', P .. 'orbiter:task:index', unpack(ids))
  call('SADD', P .. 'orbiter:queues', queue)
end
write_indexes()
write_feed(queue)
return out

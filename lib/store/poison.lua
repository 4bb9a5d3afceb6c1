-- Dead-letter an entry that cannot be run. KEYS: queue. ARGV: prefix, queue name, worker
-- id, entry id, task id ("" when it has none that can be read), error, error
-- type, result ttl, event ttl. Reply: 1, or 0 when the entry is not this worker's.
local stream, queue, worker, entry, id, err, err_type, result_ttl, event_ttl =
  KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
if #redis.call('XPENDING', stream, stream .. ':group', entry, entry, 1, worker) == 0 then return 0 end
local fields = redis.call('XRANGE', stream, entry, entry)[1]
local payload = ''
if fields then
  for i = 1, #fields[2], 2 do if fields[2][i] == 'payload' then payload = fields[2][i + 1] end end
end
redis.call('XADD', stream .. ':dead', 'MAXLEN', '~', DEAD_MAX, '*', 'reason', err, 'error_type', err_type, 'entry_id', entry,
  'task_id', id, 'worker_id', worker, 'dead_at', NOW, 'payload', payload)
redis.call('SADD', P .. 'orbiter:queues', queue)
if id ~= '' then
  local h = redis.call('HMGET', task_key(id), 'status', 'created_at', 'attempt', 'agent', 'entry_id')
  -- A task that another entry stands for is not this one's to end.
  local is_mine = empty(h[5]) or h[5] == entry
  if is_mine and not is_final(h[1]) and h[1] ~= 'running' then
    redis.call('SADD', P .. 'orbiter:task:index', id)
    end_task(id, queue, h[1], 'failed', h[2], { 'task_id', id, 'queue', queue, 'error', err, 'error_type', err_type, 'created_at', h[2] or NOW },
      json_str(h[4] or ''), json_str(err), next_seq(id), worker, h[3] or '0', result_ttl, event_ttl)
  end
end
spend(entry)
write_spent(stream)
write_indexes()
return 1

-- Dead-letter an entry that cannot be run. What is not UTF-8 in it is written as \xhh, since
-- readers in Python raise at it. KEYS: queue. ARGV: prefix, queue name, worker
-- id, entry id, task id ("" when it has none that can be read), error, error
-- type, result ttl, event ttl, "1" when the payload is not UTF-8. Reply: 1, or 0 when the entry is not this worker's.
local stream, queue, worker, entry, id, err, err_type, result_ttl, event_ttl, is_binary =
  KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
if #call('XPENDING', stream, stream .. ':group', entry, entry, 1, worker) == 0 then return 0 end
local fields = call('XRANGE', stream, entry, entry)[1]
local payload = ''
if fields then
  for i = 1, #fields[2], 2 do if fields[2][i] == 'payload' then payload = fields[2][i + 1] end end
end
if is_binary == '1' then payload = payload:gsub('[\128-\255]', function(c) return string.format('\\x%02x', c:byte()) end) end
call('XADD', stream .. ':dead', 'MAXLEN', '~', DEAD_MAX, '*', 'reason', err, 'error_type', err_type, 'entry_id', entry,
  'task_id', id, 'worker_id', worker, 'dead_at', NOW, 'payload', payload)
call('SADD', P .. 'orbiter:queues', queue)
-- The task that it stands for has failed, unless another entry stands for it too.
local function fail_task()
  local h = call('HMGET', TASK .. id, 'status', 'created_at', 'attempt', 'agent', 'entry_id', 'completed_at')
  local status, created = h[1], h[2] or nil
  if not empty(h[5]) and h[5] ~= entry then return end
  if status == 'cancelled' and empty(h[6]) then
    end_cancelled(id, queue, status, created, h[4], h[3] or '0', result_ttl, event_ttl)
  elseif not is_final(status) and status ~= 'running' then
    call('SADD', P .. 'orbiter:task:index', id)
    end_task(id, queue, status, 'failed', created, { 'task_id', id, 'queue', queue, 'error', err, 'error_type', err_type,
      'created_at', created or NOW }, json_str(h[4] or ''), json_str(err), next_seq(id), h[3] or '0', result_ttl, event_ttl)
  end
end
if id ~= '' then pcall(fail_task) end
spend(entry)
write_all(stream, queue, worker)
return 1

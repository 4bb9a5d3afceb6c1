-- Dead-letter an entry that cannot be run. What is not UTF-8 in it is written as \xhh, since
-- readers in Python raise at it. KEYS: queue. ARGV: prefix, queue name, worker
-- id, entry id, task id ("" when it has none that can be read), error, error
-- type, result ttl, event ttl, "1" when the payload is not UTF-8. Reply: 1, or 0 when the entry is not this worker's.
local stream, queue, worker, entry, id, err, err_type, result_ttl, event_ttl, is_binary =
  KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
if not is_pending_on(stream, entry, worker) then return 0 end
local payload = field_of(read_entry(stream, entry), 'payload') or ''
if is_binary == '1' then payload = payload:gsub('[\128-\255]', function(c) return string.format('\\x%02x', c:byte()) end) end
hint('SADD', P .. 'orbiter:queues', queue)
-- The task that it stands for has failed, unless another entry stands for it too. Whether it has a dead letter now.
local function fail_task()
  local h = call('HMGET', TASK .. id, 'status', 'created_at', 'attempt', 'agent', 'entry_id', 'completed_at')
  local status, created = h[1], h[2] or nil
  if not empty(h[5]) and h[5] ~= entry then return end
  if status == 'cancelled' and empty(h[6]) then
    end_cancelled(id, queue, status, created, h[4], h[3] or '0', result_ttl, event_ttl)
  elseif not is_final(status) and status ~= 'running' then
    hint('SADD', P .. 'orbiter:task:index', id)
    call('SET', PAYLOAD .. id, payload, 'NX', 'EX', result_ttl)
    end_task(id, queue, status, 'failed', created, { 'task_id', id, 'queue', queue, 'error', err, 'error_type', err_type, 'entry_id', entry,
      'created_at', created or NOW }, json_str(h[4] or ''), json_str(err), next_seq(id, h[3] or nil), h[3] or '0', result_ttl, event_ttl)
    return true
  end
end
local ok, is_buried = false, false
if id ~= '' then ok, is_buried = pcall(fail_task) end
if not ok or not is_buried then dead_letter(queue, err, err_type, entry, id, worker, payload, {}) end
spend(entry)
write_all(stream, queue, worker)
return 1

-- Cancel one task. ARGV: prefix, task id, nonce of this request, result ttl,
-- event ttl. Reply: {what, state}: unknown; finished (state it is in); ended (nobody ran it: it
-- has ended now); asked (its worker was told). state: what it was in before.
local id, nonce, result_ttl, event_ttl = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local key = TASK .. id
local h = call('HMGET', key, 'status', 'completed_at', 'queue', 'entry_id', 'created_at', 'agent', 'worker_id',
  'attempt', 'cancel_nonce', 'cancelled_from', 'result')
local status = h[1]
if not status and call('EXISTS', key) == 0 then return { 'unknown', '' } end
status = empty(status) and 'pending' or status
-- The same request once more: the first answer.
if h[9] == nonce then return { h[10] == 'running' and 'asked' or 'ended', h[10] } end
-- Python's cancel overwrites the state of a finished task, but leaves its result.
if status == 'cancelled' and not empty(h[11]) then return { 'finished', 'completed' } end
if is_final(status) and not (status == 'cancelled' and empty(h[2])) then return { 'finished', status } end
if status == 'cancelled' then return { 'asked', 'cancelled' } end

local queue = empty(h[3]) and 'orbiter:tasks' or h[3]
local created, attempt = h[5] or nil, h[8] or '0'
call('HSET', key, 'task_id', id, 'cancel_requested_at', NOW, 'cancel_nonce', nonce, 'cancelled_from', status)
if status == 'running' then
  call('HSET', key, 'status', 'cancelled')
  call('EXPIRE', key, result_ttl)
  index_move(queue, status, 'cancelled', created or NOW, id)
  feed('cancelled', id, attempt)
else
  local stream = P .. queue
  pcall_redis('ZREM', stream .. ':delayed', id)
  if not empty(h[4]) and pcall_redis('XDEL', stream, h[4]) == 1 then
    pcall_redis('XACK', stream, stream .. ':group', h[4])
  end
  end_cancelled(id, queue, status, created, h[6], attempt, result_ttl, event_ttl)
end
write_indexes()
write_feed(queue, h[7] or '')
-- Last: who may not publish has still cancelled.
pcall_redis('PUBLISH', P .. 'orbiter:cancel:' .. id, 'cancel')
return { status == 'running' and 'asked' or 'ended', status }

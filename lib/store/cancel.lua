-- Cancel one task. ARGV: prefix, task id, nonce of this request, result ttl,
-- event ttl. Reply: {what, state}: unknown; finished (state it is in); ended (nobody ran it: it
-- has ended now); asked (its worker was told). state: what it was in before.
local id, nonce, result_ttl, event_ttl = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local key = task_key(id)
local h = redis.call('HMGET', key, 'status', 'completed_at', 'queue', 'entry_id', 'created_at', 'agent', 'worker_id',
  'attempt', 'cancel_nonce', 'cancelled_from', 'result')
local status = h[1]
if not status and redis.call('EXISTS', key) == 0 then return { 'unknown', '' } end
status = empty(status) and 'pending' or status
-- The same request once more: the first answer.
if h[9] == nonce then return { h[10] == 'running' and 'asked' or 'ended', h[10] } end
-- Python's cancel overwrites the state of a finished task, but leaves its result.
if status == 'cancelled' and not empty(h[11]) then return { 'finished', 'completed' } end
if is_final(status) and not (status == 'cancelled' and empty(h[2])) then return { 'finished', status } end
if status == 'cancelled' then return { 'asked', 'cancelled' } end

local queue = empty(h[3]) and 'orbiter:tasks' or h[3]
redis.call('HSET', key, 'task_id', id, 'cancel_requested_at', NOW, 'cancel_nonce', nonce, 'cancelled_from', status)
redis.call('PUBLISH', P .. 'orbiter:cancel:' .. id, 'cancel')
if status == 'running' then
  redis.call('HSET', key, 'status', 'cancelled')
  redis.call('EXPIRE', key, result_ttl)
  index_move(queue, status, 'cancelled', h[5] or NOW, id)
  feed('cancelled', id, queue, h[7], h[8])
  write_indexes()
  return { 'asked', status }
end
local stream = P .. queue
redis.call('ZREM', stream .. ':delayed', id)
if not empty(h[4]) and redis.call('XDEL', stream, h[4]) == 1 then
  pcall(redis.call, 'XACK', stream, stream .. ':group', h[4])
end
end_cancelled(id, queue, status, h[5], h[6], h[7] or '', h[8] or '0', result_ttl, event_ttl)
write_indexes()
return { 'ended', status }

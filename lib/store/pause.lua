-- Pause a queue, or let it go on. KEYS: queue. ARGV: prefix, queue name, who, from where, nonce of this request, "1" to
-- pause it. Reply: {what, who, at}: unknown (there is no such queue); changed; same (it was so already). who, at: of
-- the pause that there was before.
-- with: known
local stream, queue, who, from, nonce, is_pause = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1'
local key, operation = stream .. ':paused', P .. 'orbiter:operation:' .. nonce
local first = call('HMGET', operation, 'what', 'who', 'at')
if first[1] then return first end
if not is_known(stream, queue) then return { 'unknown', '', '' } end

check_audit()
local was_paused = call('EXISTS', key) == 1
local old = pcall_redis('HMGET', key, 'who', 'at')
local answer = { was_paused == is_pause and 'same' or 'changed', not old.err and old[1] or '', not old.err and old[2] or '' }
call('HSET', operation, 'what', answer[1], 'who', answer[2], 'at', answer[3])
call('EXPIRE', operation, OPERATION_TTL)
if answer[1] == 'changed' then
  if is_pause then
    call('HSET', key, 'who', who, 'from', from, 'at', NOW)
  else
    call('DEL', key)
  end
  hint('SADD', P .. 'orbiter:queues', queue)
  audit(who, from, is_pause and 'pause' or 'resume', queue, was_paused and 'paused' or 'running', is_pause and 'paused' or 'running')
end
pcall_redis('PUBLISH', stream .. ':wake', is_pause and 'paused' or 'resumed') -- who may not publish has still paused it
return answer

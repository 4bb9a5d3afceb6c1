-- Pause a queue, or let it go on. KEYS: queue. ARGV: prefix, queue name, who, from where, nonce of this request, "1" to
-- pause it, what was seen of it: "running", "paused", "paused" and the time of that pause, or "" (whatever it is). Reply:
-- {what, who, at}: unknown (there is no such queue); changed; same (it was so already); paused or running: what it is now, and not
-- as it was seen. who, at: of the pause that there was before.
-- with: known
local stream, queue, who, from, nonce, is_pause = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1'
local seen = ARGV[7] or ''
local key, operation = stream .. ':paused', P .. 'orbiter:operation:' .. nonce
local first = call('HMGET', operation, 'what', 'who', 'at')
if first[1] then return first end
if not is_known(stream, queue) then return { 'unknown', '', '' } end

local was_paused = call('EXISTS', key) == 1
local old = pcall_redis('HMGET', key, 'who', 'at')
local old_who, old_at = not old.err and old[1] or '', not old.err and old[2] or ''
local function is_as_seen()
  local word, at = seen:match('^(%l+) ?(.*)$')
  if not word then return true end
  if (word == 'paused') ~= was_paused then return false end
  return not was_paused or at == '' or tonumber(old_at) == tonumber(at)
end
if not is_as_seen() then return { was_paused and 'paused' or 'running', old_who, old_at } end
local answer = { was_paused == is_pause and 'same' or 'changed', old_who, old_at }
check_audit()
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

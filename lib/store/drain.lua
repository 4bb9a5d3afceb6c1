-- Ask a worker to drain. ARGV: prefix, who, from where, worker id, nonce of this request; what was seen of it: status, and
-- when it started (each "" = whatever it is). Reply: unknown; python (it has no lease, so it would not look); dead (its
-- lease is gone); asked; same (it was asked already, or is draining); it is not as it was seen: "started" (another process has
-- its id), or "changed" and its status. The flag names the process: another one that comes with the same id is not meant.
local who, from, worker, nonce, seen_status, seen_start = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] or '', ARGV[7] or ''
local key, operation = P .. 'orbiter:workers:' .. worker, P .. 'orbiter:operation:' .. nonce
local first = call('HGET', operation, 'what')
if first then return first end
local beat = pcall_redis('HMGET', key, 'status', 'lease', 'queue', 'drain', 'last_heartbeat', 'started_at')
local lease = call('GET', P .. 'orbiter:lease:' .. worker)
if beat.err or not (beat[1] or beat[5]) then return 'unknown' end
if empty(beat[2]) then return 'python' end
if not lease then return 'dead' end
if seen_start ~= '' and tonumber(beat[6] or '') ~= tonumber(seen_start) then return 'started' end
if seen_status ~= '' and beat[1] ~= seen_status then return 'changed ' .. (beat[1] or '') end
local owner = lease:match('^%S+')
local what = (beat[1] == 'draining' or beat[4] == owner) and 'same' or 'asked'
check_audit()
call('HSET', operation, 'what', what)
call('EXPIRE', operation, OPERATION_TTL)
if what == 'asked' then
  call('HSET', key, 'drain', owner)
  audit(who, from, 'drain', worker, beat[1] or '', 'draining')
end
if not empty(beat[3]) then pcall_redis('PUBLISH', P .. beat[3] .. ':wake', 'drain ' .. worker) end -- without it: at the next renewal
return what

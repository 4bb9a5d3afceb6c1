-- The owner of an attempt takes the next one: a provider failed, and another goes on. Nothing else of the task moves: `retries`
-- stays, and so does its entry. ARGV: prefix, queue name, worker id, owner (the worker's process), then for each task: id, attempt. Reply per
-- task: the new attempt; or the state it has now, or STALE. The same call twice gives the same number.
local queue, worker, owner, out = ARGV[2], ARGV[3], ARGV[4], {}

local function advance(id, attempt)
  local nth = tostring(attempt + 1)
  local h = call('HMGET', TASK .. id, 'worker_id', 'attempt', 'status', 'owner', 'advanced_from')
  if h[1] ~= worker or h[4] ~= owner then return 'STALE' end
  if h[2] == nth and h[5] == attempt then return nth end
  if h[2] ~= attempt then return 'STALE' end
  if h[3] ~= 'running' then return h[3] end
  call('HSET', TASK .. id, 'attempt', nth, 'advanced_from', attempt)
  feed('running', id, nth)
  return nth
end

for i = 5, #ARGV, 2 do out[#out + 1] = advance(ARGV[i], ARGV[i + 1]) end
write_feed(queue, worker)
return out

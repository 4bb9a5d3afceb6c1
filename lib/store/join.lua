-- A worker takes the lease of its id, or renews it: refused while another process holds it.
-- KEYS: queue. ARGV: prefix, worker id, owner, lease ms. Reply: {code, drain}: code 0 refused,
-- 1 renewed, 2 made (at the start, or it had lapsed); drain 1 when an operator asked this process for it.
local stream, worker, owner, lease = KEYS[1], ARGV[2], ARGV[3], ARGV[4]
local key = P .. 'orbiter:lease:' .. worker
local holder, code = call('GET', key), 1
if holder and holder:match('^%S+') ~= owner then return { 0, 0 } end
if holder then
  call('PEXPIRE', key, lease) -- works also when Redis is out of memory
else
  code = 2
  call('SET', key, owner .. ' ' .. string.format('%.0f', NOW_MS), 'PX', lease)
  pcall_redis('SADD', P .. 'orbiter:queues', stream:sub(#P + 1)) -- listed before anything is submitted
end
pcall_redis('ZADD', stream .. ':leased', string.format('%.0f', NOW_MS), worker)
local drain = pcall_redis('HGET', P .. 'orbiter:workers:' .. worker, 'drain')
return { code, drain == owner and 1 or 0 }

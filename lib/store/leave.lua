-- A worker has ended: its heartbeat and its lease go, and its consumers where nothing is pending on them.
-- KEYS: queue. ARGV: prefix, worker id, owner. Nothing goes when another process has that id now. Reply: how many
-- consumers still have something pending.
-- with: standing
local stream, worker = KEYS[1], ARGV[2]
local holder = call('GET', P .. 'orbiter:lease:' .. worker)
if holder and holder:match('^%S+') ~= ARGV[3] then return 0 end
call('DEL', P .. 'orbiter:workers:' .. worker, P .. 'orbiter:lease:' .. worker)
local left = 0
for _, s in ipairs(streams_of(stream)) do
  local pending = pcall_redis('XPENDING', s[1], s[1] .. ':group', '-', '+', 1, worker)
  if not pending.err then
    if #pending > 0 then left = left + 1 else call('XGROUP', 'DELCONSUMER', s[1], s[1] .. ':group', worker) end
  end
end
if left == 0 then call('ZREM', stream .. ':leased', worker) end
return left

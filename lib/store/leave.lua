-- A worker has ended: its heartbeat and its lease go, and its consumer when nothing is pending on it.
-- KEYS: queue. ARGV: prefix, worker id, owner. Nothing goes when another process has that id now. Reply: 1 when the consumer was removed.
local stream, worker = KEYS[1], ARGV[2]
local holder = call('GET', P .. 'orbiter:lease:' .. worker)
if holder and holder ~= ARGV[3] then return 0 end
call('DEL', P .. 'orbiter:workers:' .. worker, P .. 'orbiter:lease:' .. worker)
if #call('XPENDING', stream, stream .. ':group', '-', '+', 1, worker) > 0 then return 0 end
call('XGROUP', 'DELCONSUMER', stream, stream .. ':group', worker)
return 1

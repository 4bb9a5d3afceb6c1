-- A worker starts under its id, or renews the lease of it: refused while another process holds
-- that lease. ARGV: prefix, worker id, owner, lease ms. Reply: 1, or 0 when refused.
local key, owner, lease = P .. 'orbiter:lease:' .. ARGV[2], ARGV[3], ARGV[4]
local holder = call('GET', key)
if holder and holder ~= owner then return 0 end
call('SET', key, owner, 'PX', lease)
return 1

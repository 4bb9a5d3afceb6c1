-- Take over entries of dead consumers, the most urgent first. KEYS: queue. ARGV: prefix, worker
-- id, owner, lease ms, most, place and its consumer ("" = any). Nothing is taken before the queue has been swept
-- for one lease time without a break: after trouble, the others may need that long to renew theirs. Reply:
-- {place, fields} each.
-- with: standing
local stream, worker, owner, lease, most, wanted, holder = KEYS[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7]
local out = {}

local function take(key, suffix, ids)
  for _, entry in ipairs(call('XCLAIM', key, key .. ':group', worker, 0, unpack(ids))) do
    if entry then out[#out + 1] = { entry[1] .. suffix, entry[2] } end
  end
end

if wanted ~= '' then
  local key, _, id = locate(stream, wanted)
  if is_pending_on(stream, wanted, holder) then take(key, wanted:sub(#id + 1), { id }) end
  return out
end

local mine, since = (call('GET', P .. 'orbiter:lease:' .. worker) or ''):match('^%S+'), steady_since(stream)
if mine ~= owner or not since or NOW_MS - since < tonumber(lease) then return out end
for _, s in ipairs(streams_of(stream)) do
  for _, consumer in ipairs(consumers_of(s[1])) do
    local state = consumer.pending > 0 and consumer.name ~= worker and #out < most and standing(stream, consumer.name)
    if state == 'dead' or state == 'silent' then
      local ids = {}
      for _, pending in ipairs(call('XPENDING', s[1], s[1] .. ':group', '-', '+', 100, consumer.name)) do
        if #out + #ids < most and is_orphan(s[1], pending, state) then ids[#ids + 1] = pending[1] end
      end
      if #ids > 0 then take(s[1], s[2], ids) end
    end
  end
end
if #out > 0 then pcall_redis('HINCRBY', stream .. ':sweep', 'orphans', -#out) end
return out

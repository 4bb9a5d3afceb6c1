-- An event that may have been stored before: it is sent again after a lost connection.
-- KEYS: the task's stream. ARGV: prefix, channel, event, event ttl. Reply: 1, or 0 when the
-- stream's last entry is this event or a later one.
local function place(json)
  local ok, event = pcall(cjson.decode, json)
  if not ok or type(event) ~= 'table' then return 0, 0 end
  return tonumber(event.attempt) or 0, tonumber(event.seq) or 0
end

local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if last then
  local had_attempt, had_seq = place(last[2][2])
  local attempt, seq = place(ARGV[3])
  if attempt < had_attempt or (attempt == had_attempt and seq <= had_seq) then return 0 end
end
redis.call('XADD', KEYS[1], '*', 'event', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1

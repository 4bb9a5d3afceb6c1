-- Read entries in the order of their priority. KEYS: queue. ARGV: prefix, worker id, most, how many it has taken before,
-- the place to look back behind ("" = new entries). New ones: of every eight that a worker takes one comes from the
-- lowest priority that waits. Looking back ("0" = from the start): what is pending on this worker already.
-- Reply: {place, fields} each; no fields when the entry was deleted.
-- with: standing
local stream, worker, most, taken, behind = KEYS[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local SHARE = 8
local streams, out = streams_of(stream), {}

local function read(s, count, from)
  if count <= 0 then return 0 end
  local function try(how) return how('XREADGROUP', 'GROUP', s[1] .. ':group', worker, 'COUNT', count, 'STREAMS', s[1], from) end
  local reply = try(pcall_redis)
  if reply and reply.err then
    -- The queue's own group the worker makes when it hears of it; but what has been read already must be answered.
    local is_gone = reply.err:find('NOGROUP', 1, true)
    if is_gone and s[2] == '' and #out > 0 then return 0 end
    if not is_gone or s[2] == '' then error(reply) end
    call('XGROUP', 'CREATE', s[1], s[1] .. ':group', '0')
    reply = try(call)
  end
  local entries = reply and reply[1][2] or {}
  for _, entry in ipairs(entries) do out[#out + 1] = { entry[1] .. s[2], entry[2] } end
  return #entries
end

if behind ~= '' then
  local key, _, id = locate(stream, behind)
  local is_there = behind == '0'
  for i = 1, #streams do
    if is_there then
      read(streams[i], most - #out, '0')
    elseif streams[i][1] == key then
      is_there = true
      read(streams[i], most - #out, id)
    end
  end
  return out
end

local low = math.floor((taken + most) / SHARE) - math.floor(taken / SHARE)
for i = #streams, 1, -1 do low = low - read(streams[i], low, '>') end
for i = 1, #streams do read(streams[i], most - #out, '>') end
return out

-- Does this worker still own what it runs? ARGV: prefix, worker id, then for each task: id,
-- attempt, seq of an event of it that was stored ("0": do not look). Reply per task: mine, lost, cancelled: mine, and to be
-- ended; gap: mine, but that event, or one behind it, is gone; or what is wrong with its keys.
local worker, out = ARGV[2], {}
local function place(entry)
  local seq, attempt = tostring(entry and entry[2][2]):match('"seq": (%d+), "attempt": (%d+)}$')
  return tonumber(seq) or 0, attempt
end

-- Without one, as many entries are behind the event as its seq is from the last.
local function has_gap(id, attempt, stored)
  if stored == 0 then return false end
  local list = pcall_redis('XREVRANGE', STREAM .. id, '+', '-', 'COUNT', 1)
  if list.err then return false end
  local seq, of = place(list[1])
  if of ~= attempt or seq < stored then return true end
  list = call('XREVRANGE', STREAM .. id, '+', '-', 'COUNT', seq - stored + 1)
  seq, of = place(list[#list])
  return of ~= attempt or seq ~= stored
end

local function check(id, attempt, stored)
  local status = fence(id, worker, attempt)
  if status == 'running' then return has_gap(id, attempt, tonumber(stored)) and 'gap' or 'mine' end
  return status and is_open(id, status) and 'cancelled' or 'lost'
end

for i = 3, #ARGV, 3 do
  out[#out + 1] = move_one(check, ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
return out

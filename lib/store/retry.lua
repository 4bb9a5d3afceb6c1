-- A failed attempt that may be tried again: into the delayed set, or failed for good
-- when it was the last one. KEYS: queue. ARGV: prefix, queue name, worker id, result ttl,
-- event ttl, then for each task: place, task id, attempt, delay ms, most
-- retries (-1: a wait that is not counted, but ends with the task's deadline or after an hour), agent JSON, message JSON, seq, error, error type, partial, usage, "1" when the stream's expiry was set a moment ago. Reply per
-- task: the state it has now, or STALE, or what is wrong with its keys.
-- with: used
local stream, queue, worker, result_ttl, event_ttl = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local out = {}
local WAIT_MAX = 3600

local function retry(entry, id, attempt, delay, most, agent, message, seq, err, err_type, partial, usage, is_fresh)
  local status, created, before = fence(id, worker, attempt)
  if not status then return 'STALE' end
  if not is_open(id, status) then return give_back(entry, status) or status end
  spend(entry)
  local f = {}
  local function field(name, value) f[#f + 1] = name; f[#f + 1] = value end
  if partial ~= '' then field('partial', partial) end
  if usage ~= '' then
    field('usage', usage)
    account(before, usage)
  end
  if status == 'cancelled' then
    end_task(id, queue, status, 'cancelled', created, f, agent, json_str('Task ' .. id .. ' cancelled'), seq, attempt, result_ttl, event_ttl, is_fresh)
    return 'cancelled'
  end
  field('error', err)
  field('error_type', err_type)
  local h = call('HMGET', TASK .. id, 'retries', 'rate_waits', 'deadline', 'due_at', 'created_at')
  local retries, waits, deadline = tonumber(h[1] or 0) or 0, tonumber(h[2] or 0) or 0, tonumber(h[3] or '')
  local is_counted, due = tonumber(most) >= 0, NOW + delay / 1000
  if not is_counted then deadline = deadline or (tonumber(h[4] or h[5] or '') or NOW) + WAIT_MAX end
  if (is_counted and retries >= tonumber(most)) or (deadline and due > deadline) then
    end_task(id, queue, status, 'failed', created, f, agent, message, seq, attempt, result_ttl, event_ttl, is_fresh)
    return 'failed'
  end
  if is_counted then field('retries', retries + 1) else field('rate_waits', waits + 1) end
  -- No entry until it is due: a late begin of the one that is spent must see that.
  call('HSET', TASK .. id, 'status', 'retrying', 'entry_id', '', unpack(f))
  call('ZADD', stream .. ':delayed', string.format('%.0f', NOW_MS + delay), id)
  index_move(queue, status, 'retrying', created or NOW, id)
  feed('retrying', id, attempt)
  return 'retrying'
end

for i = 6, #ARGV, 13 do
  out[#out + 1] = move_one(retry, unpack(ARGV, i, i + 12))
end
write_used(stream)
write_all(stream, queue, worker)
return out

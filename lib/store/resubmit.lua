-- Repeat tasks, each as a new one, from a payload that was read before and written anew. KEYS: queue. ARGV: prefix, queue name,
-- ttl, who, from where, then for each task: new id, agent, payload, priority, deadline (ms from now, "" = none), the
-- task that it repeats, id of the dead letter that goes away with it ("" = none), what was seen of that task (seen.lua). Reply
-- per task: the place of its entry; GONE: that dead letter is not there any more, and nothing was made; {changed, state now}:
-- nor was anything, since the task is not as it was seen (state "": it is gone); EXISTS; or {error, key} when a key is no stream.
-- with: seen
local stream, queue, ttl, who, from = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local dead = stream .. ':dead'
local out = {}

local function not_stream(key)
  local len = pcall_redis('XLEN', key)
  if type(len) == 'number' then return false end
  if not is_wrong_key(len) then error(len) end
  return { 'error', key }
end

local function resubmit(id, agent, payload, priority, deadline, of, letter, seen)
  local had = pcall_redis('GET', PAYLOAD .. id)
  if had then return had == payload and call('HGET', TASK .. id, 'entry_id') or 'EXISTS' end
  -- All that can raise is looked at before the first write: what is half done could not be told.
  local bad = not_stream(stream) or not_stream(P .. 'orbiter:audit') or (letter ~= '' and not_stream(dead)) or
    (priority ~= '5' and not_stream(stream .. ':p' .. priority))
  if bad then return bad end
  if letter ~= '' and #call('XRANGE', dead, letter, letter) == 0 then return 'GONE' end
  local h = pcall_redis('HMGET', TASK .. of, 'status', 'attempt', 'task_id')
  if h.err then h = {} end
  local now = changed_task(seen, h[1], h[2])
  if seen ~= '' and not (h[1] or h[3]) then now = '' end
  if now then return { 'changed', now } end
  local entry = new_task(stream, queue, id, agent, payload, ttl, priority)
  call('HSET', TASK .. id, 'resubmit_of', of)
  if deadline ~= '' then call('HSET', TASK .. id, 'deadline', string.format('%.3f', (NOW_MS + deadline) / 1000)) end
  if letter ~= '' then call('XDEL', dead, letter) end
  audit(who, from, letter ~= '' and 'replay' or 'resubmit', of, letter ~= '' and 'dead' or h[1] or '', id)
  return entry
end

for i = 6, #ARGV, 8 do
  out[#out + 1] = resubmit(unpack(ARGV, i, i + 7))
end
write_made(queue)
write_indexes()
write_feed(queue)
return out

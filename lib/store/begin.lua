-- Begin attempts at delivered entries. KEYS: queue. ARGV: prefix, queue name,
-- worker id, owner (the worker's process), ttl, result ttl, event ttl, then for each entry: entry id,
-- task id, agent, payload ("" when the submit script keeps it). Reply per entry:
-- {what, attempt, retries}, what = run, done, duplicate, cancelled; or {error, text} when a key
-- of the task is not what it should be.
local stream, queue, worker, owner, ttl = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local result_ttl, event_ttl = ARGV[6], ARGV[7]
local out, ids = {}, {}

-- The task has no hash, or only what Python's cancel writes: a Python client queued it, or it
-- has waited longer than its keys lived.
local function adopt(key, entry, created, id, agent, payload)
  call('HSET', key, 'task_id', id, 'created_at', created, 'queue', queue, 'agent', agent)
  call('EXPIRE', key, ttl)
  ids[#ids + 1] = id
  if payload == '' then
    local fields = call('XRANGE', stream, entry, entry)[1]
    for i = 1, fields and #fields[2] or 0, 2 do if fields[2][i] == 'payload' then payload = fields[2][i + 1] end end
  end
  call('SET', PAYLOAD .. id, payload, 'EX', ttl)
end

-- Anything but a task that waits to be run.
local function not_waiting(key, entry, id, agent, status, attempt, retries, created)
  local h = call('HMGET', key, 'worker_id', 'entry_id', 'completed_at', 'agent', 'owner')
  if status == 'cancelled' and empty(h[3]) then
    spend(entry)
    end_cancelled(id, queue, status, created, h[4] or agent, attempt, result_ttl, event_ttl)
    return { 'cancelled', attempt or '0', retries }
  end
  if is_final(status) then
    spend(entry)
    return { 'done', attempt or '0', retries }
  end
  if status == 'running' and h[2] == entry and h[1] == worker and h[5] == owner then
    return { 'run', attempt, retries }
  end
  if status == 'running' and h[2] and h[2] ~= entry then
    spend(entry)
    return { 'duplicate', attempt or '0', retries }
  end
end

-- Was the task queued anew behind this entry, or does it wait for its next try? (Python's retry queues
-- it anew without a word in the hash.)
local function stands_elsewhere(id, status, queued_as)
  if queued_as == '' then return call('ZSCORE', stream .. ':delayed', id) end
  return status == 'pending' and #call('XRANGE', stream, queued_as, queued_as) > 0
end

local function begin(entry, id, agent, payload)
  local key = TASK .. id
  local h = call('HMGET', key, 'status', 'attempt', 'retries', 'created_at', 'entry_id')
  local status, retries, created = h[1], tonumber(h[3] or 0) or 0, h[4] or nil
  if status and status ~= 'pending' and status ~= 'retrying' then
    local answer = not_waiting(key, entry, id, agent, status, h[2] or nil, retries, created)
    if answer then return answer end
  elseif h[5] and h[5] ~= entry and stands_elsewhere(id, status, h[5]) then
    spend(entry)
    return { 'duplicate', h[2] or '0', retries }
  end
  local attempt = tostring((tonumber(h[2] or 0) or 0) + 1)
  if not created then
    -- It was made when it was queued: entry ids are milliseconds.
    local ms = entry:match('^%d+')
    created = ms:sub(1, -4) .. '.' .. ms:sub(-3) .. '000'
    adopt(key, entry, created, id, agent, payload)
  elseif payload ~= '' then
    call('SET', PAYLOAD .. id, payload, 'EX', ttl)
  end
  call('HSET', key, 'status', 'running', 'worker_id', worker, 'owner', owner, 'started_at', NOW, 'attempt', attempt)
  if h[5] ~= entry then call('HSET', key, 'entry_id', entry) end
  if status and status ~= 'pending' or attempt ~= '1' then
    call('HSET', key, 'task_id', id, 'completed_at', '', 'error', '', 'error_type', '', 'partial', '')
  end
  -- Armed for a day when it was made: only what has waited long needs it again.
  if NOW - created > 3600 then
    call('EXPIRE', key, ttl)
    call('EXPIRE', PAYLOAD .. id, ttl)
  end
  index_move(queue, status, 'running', created, id)
  feed('running', id, attempt)
  return { 'run', attempt, retries }
end

for i = 8, #ARGV, 4 do
  local ok, answer = pcall(begin, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
  if not ok then
    local text = type(answer) == 'table' and answer.err or tostring(answer)
    -- Out of memory, no permission: nothing that is wrong with this task.
    if type(answer) == 'table' and not text:find('WRONGTYPE', 1, true) then error(answer) end
    answer = { 'error', text }
  end
  out[#out + 1] = answer
end
if #ids > 0 then
  call('SADD', P .. 'orbiter:task:index', unpack(ids))
  call('SADD', P .. 'orbiter:queues', queue)
end
write_all(stream, queue, worker)
return out

-- Begin attempts at delivered entries. KEYS: queue. ARGV: prefix, queue name,
-- worker id, owner (the worker's process), ttl, result ttl, event ttl, "1" when this worker runs one task alone,
-- then for each task: place, task id, agent, payload ("" when the submit script keeps it). Reply per task:
-- {what, attempt, retries, rate waits, ms to the deadline or "", what earlier attempts used or ""}, what = run; done, duplicate, cancelled; elsewhere: a worker
-- that lives runs it, and has the entry now; alone: to be run in a process of its own; or {error, text} when a key
-- of the task is not what it should be.
-- with: standing
local stream, queue, worker, owner, ttl = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local result_ttl, event_ttl, is_alone = ARGV[6], ARGV[7], ARGV[8] == '1'
local ALONE_FROM = 2  -- from this recovery on a task runs alone
local ALONE_DEATHS = 3
local out, ids = {}, {}

-- The task has no hash, or only what Python's cancel writes: a Python client queued it, or it
-- has waited longer than its keys lived.
local function adopt(key, place, created, id, agent, payload)
  call('HSET', key, 'task_id', id, 'created_at', created, 'queue', queue, 'agent', agent)
  call('EXPIRE', key, ttl)
  ids[#ids + 1] = id
  if payload == '' then payload = field_of(read_entry(stream, place), 'payload') end
  if payload then call('SET', PAYLOAD .. id, payload, 'EX', ttl) end
end

-- Did the attempt get further than this script's first answer? Then the process that asks for it again does not run it
-- any more: it had ended it, and a failover has lost that.
local function has_spoken(id, attempt)
  local last = pcall_redis('XREVRANGE', STREAM .. id, '+', '-', 'COUNT', 1)
  return not last.err and last[1] and tostring(last[1][2][2]):match('"attempt": (%d+)}$') == attempt
end
local function ms_to(deadline) return deadline and math.floor((deadline - NOW) * 1000) or '' end

-- A running task whose entry was delivered once more: after its worker died, or because Redis has lost
-- the group or some of its past. Returns an answer, or nil: the worker that ran it is gone; with true when it has only forgotten it.
local function running(place, id, attempt, retries, payload)
  local h = call('HMGET', TASK .. id, 'worker_id', 'entry_id', 'owner', 'rate_waits', 'deadline', 'usage')
  if h[2] and h[2] ~= place then
    spend(place)
    return { 'duplicate', attempt or '0', retries }
  end
  if h[1] == worker and h[3] == owner then
    if has_spoken(id, attempt) then return nil, true end
    return { 'run', attempt, retries, tonumber(h[4] or 0) or 0, ms_to(tonumber(h[5] or '')), h[6] or '' }
  end
  if h[1] == worker then return nil end
  local state = empty(h[1]) and 'dead' or standing(stream, h[1])
  if state == 'silent' and is_overdue(h[1], id, payload ~= '' and payload or pcall_redis('GET', PAYLOAD .. id), 0) then state = 'dead' end
  if state == 'dead' then return nil end
  local key, group, entry = locate(stream, place)
  pcall_redis('XCLAIM', key, group, h[1], 0, entry, 'JUSTID') -- without its group it is nobody's to give
  return { 'elsewhere', attempt or '0', retries }
end

-- Anything but a task that waits to be run.
local function not_waiting(key, place, id, agent, status, attempt, retries, created, payload)
  local h = call('HMGET', key, 'completed_at', 'agent')
  if status == 'cancelled' and empty(h[1]) then
    spend(place)
    end_cancelled(id, queue, status, created, h[2] or agent, attempt, result_ttl, event_ttl)
    return { 'cancelled', attempt or '0', retries }
  end
  if is_final(status) then
    spend(place)
    return { 'done', attempt or '0', retries }
  end
  return running(place, id, attempt, retries, payload)
end

-- Was the task queued anew behind this entry, or does it wait for its next try? (Python's retry queues
-- it anew without a word in the hash.)
local function stands_elsewhere(id, status, queued_as)
  if queued_as == '' then return call('ZSCORE', stream .. ':delayed', id) end
  return status == 'pending' and read_entry(stream, queued_as)
end

-- A worker died while it ran the task. Such deaths are counted apart from failures; a task that was
-- among others when they died is not to blame, so from the second on it runs alone.
local function recovered(key, id)
  local h = call('HMGET', key, 'recoveries', 'alone', 'alone_deaths')
  local recoveries, deaths = (tonumber(h[1] or 0) or 0) + 1, tonumber(h[3] or 0) or 0
  if h[2] == '1' then deaths = deaths + 1 end
  call('HSET', key, 'recoveries', recoveries, 'alone_deaths', deaths, 'alone', '')
  return recoveries, deaths
end

-- What the past of a task has to say about its next attempt: an answer, or nil.
local function look_at_past(key, place, id, agent, status, attempt, retries, created)
  local recoveries, deaths
  if status == 'running' then
    recoveries, deaths = recovered(key, id)
  else
    recoveries, deaths = tonumber(call('HGET', key, 'recoveries') or 0) or 0, 0
  end
  if deaths >= ALONE_DEATHS then
    spend(place)
    end_failed(id, queue, status, created, agent, attempt, 'quarantined: ' .. deaths ..
      ' workers died while they ran nothing but this task', 'Quarantined', result_ttl, event_ttl)
    return { 'done', attempt, retries }
  end
  if recoveries >= ALONE_FROM and not is_alone then
    call('HSET', key, 'status', 'pending', 'worker_id', '', 'owner', '', 'entry_id', place)
    index_move(queue, status, 'pending', created, id)
    if status ~= 'pending' then feed('pending', id, attempt) end
    return { 'alone', attempt, retries }
  end
end

local function index_running(is_new, status, created, id)
  if not is_new then return index_move(queue, status, 'running', created, id) end
  -- What only Python has written is in no index yet, or where it was before its hash was lost.
  index_drop(queue, 'retrying', id)
  index_add(queue, 'running', created, id)
end

local function begin(place, id, agent, payload)
  local key = TASK .. id
  local h = call('HMGET', key, 'status', 'attempt', 'retries', 'created_at', 'entry_id', 'deadline')
  local status, retries, created, deadline, is_forgotten = h[1], tonumber(h[3] or 0) or 0, h[4] or nil, tonumber(h[6] or ''), nil
  if status and status ~= 'pending' and status ~= 'retrying' then
    local answer
    answer, is_forgotten = not_waiting(key, place, id, agent, status, h[2] or nil, retries, created, payload)
    if answer then return answer end
  elseif h[5] and h[5] ~= place and stands_elsewhere(id, status, h[5]) then
    spend(place)
    return { 'duplicate', h[2] or '0', retries }
  end
  local is_new = not created
  if is_new then
    -- It was made when it was queued: entry ids are milliseconds.
    local ms = place:match('^%d+')
    created = ms:sub(1, -4) .. '.' .. ms:sub(-3) .. '000'
    adopt(key, place, created, id, agent, payload)
  elseif payload ~= '' then
    call('SET', PAYLOAD .. id, payload, 'EX', ttl)
  end
  if deadline and deadline < tonumber(NOW) then
    spend(place)
    end_failed(id, queue, status, created, agent, h[2] or '0', 'the deadline passed before an attempt could begin', 'DeadlineError',
      result_ttl, event_ttl)
    return { 'done', h[2] or '0', retries }
  end
  local waits, used = 0, ''
  if h[2] or status == 'running' then
    local answer = not is_forgotten and look_at_past(key, place, id, agent, status, h[2] or '0', retries, created)
    if answer then return answer end
    local past = call('HMGET', key, 'rate_waits', 'usage')
    waits, used = tonumber(past[1] or 0) or 0, past[2] or ''
  end
  local attempt = tostring((tonumber(h[2] or 0) or 0) + 1)
  call('HSET', key, 'status', 'running', 'worker_id', worker, 'owner', owner, 'started_at', NOW, 'attempt', attempt)
  if is_alone then call('HSET', key, 'alone', '1') end
  if h[5] ~= place then call('HSET', key, 'entry_id', place) end
  if status and status ~= 'pending' or attempt ~= '1' then
    call('HSET', key, 'task_id', id, 'completed_at', '', 'error', '', 'error_type', '', 'partial', '')
  end
  -- Armed for a day when it was made: only what has waited long needs it again.
  if NOW - created > 3600 then
    call('EXPIRE', key, ttl)
    call('EXPIRE', PAYLOAD .. id, ttl)
  end
  index_running(is_new, status, created, id)
  feed('running', id, attempt)
  return { 'run', attempt, retries, waits, ms_to(deadline), used }
end

for i = 9, #ARGV, 4 do
  local ok, answer = pcall(begin, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
  if not ok then
    local text = type(answer) == 'table' and answer.err or tostring(answer)
    -- Out of memory, no permission: nothing that is wrong with this task.
    if type(answer) == 'table' and not is_wrong_key(answer) then error(answer) end
    answer = { 'error', text }
  end
  out[#out + 1] = answer
end
if #ids > 0 then
  hint('SADD', P .. 'orbiter:task:index', unpack(ids))
  hint('SADD', P .. 'orbiter:queues', queue)
end
write_all(stream, queue, worker)
return out

-- Does a consumer live? 'alive'; 'dead': its lease is gone; 'silent': a Python worker
-- (which has no lease) without a heartbeat: it may be draining still.
local function standing(stream, worker)
  if call('EXISTS', P .. 'orbiter:lease:' .. worker) == 1 then return 'alive' end
  local beat = pcall_redis('HMGET', P .. 'orbiter:workers:' .. worker, 'lease', 'last_heartbeat', 'status')
  if not beat.err then
    if not empty(beat[1]) then return 'dead' end
    if beat[2] or beat[3] then return 'alive' end
  end
  return call('ZSCORE', stream .. ':leased', worker) and 'dead' or 'silent'
end

-- Since when the queue has been swept without a break longer than GAP_MS: Redis was away then, or nobody was there, and workers that live
-- may not have renewed their leases. nil: not at all, or not now.
local GAP_MS = 1500
local function steady_since(stream)
  local h = call('HMGET', stream .. ':sweep', 'seen_ms', 'steady_ms')
  local age = NOW_MS - (tonumber(h[1] or '') or 0)
  if age >= 0 and age <= GAP_MS then return tonumber(h[2] or '') end
end

-- A silent worker may still run the task for as long as one attempt may take.
local function is_overdue(worker, id, payload, idle_ms)
  local ok, task = pcall(cjson.decode, payload or '')
  local timeout = ok and type(task) == 'table' and tonumber(task.timeout_seconds) or 300
  if timeout <= 0 then timeout = TASK_TTL end
  local h = call('HMGET', TASK .. id, 'worker_id', 'started_at')
  if h[1] == worker and tonumber(h[2] or '') then return NOW - h[2] > timeout end
  return idle_ms > timeout * 1000
end

-- Is that consumer's entry an orphan? pending: {id, consumer, idle ms, deliveries} of XPENDING.
local function is_orphan(key, pending, state)
  if state ~= 'silent' then return state == 'dead' end
  local fields = (call('XRANGE', key, pending[1], pending[1])[1] or {})[2]
  local payload = field_of(fields, 'payload') or ''
  local ok, task = pcall(cjson.decode, payload)
  local id = ok and type(task) == 'table' and type(task.task_id) == 'string' and task.task_id or ''
  return is_overdue(pending[2], id, payload, pending[3])
end

-- The queue's streams, the most urgent first: {key, suffix of its places}.
local function streams_of(stream)
  local out = {}
  for n = 9, 0, -1 do
    local key = n == 5 and stream or stream .. ':p' .. n
    if n == 5 or call('EXISTS', key) == 1 then out[#out + 1] = { key, n == 5 and '' or '@' .. n } end
  end
  return out
end

local function consumers_of(key)
  local list, out = pcall_redis('XINFO', 'CONSUMERS', key, key .. ':group'), {}
  for _, c in ipairs(list.err and {} or list) do
    local info = {}
    for i = 1, #c, 2 do info[c[i]] = c[i + 1] end
    out[#out + 1] = info
  end
  return out
end

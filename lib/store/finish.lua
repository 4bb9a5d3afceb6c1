-- End attempts for good. KEYS: queue. ARGV: prefix, queue name, worker id,
-- result ttl, event ttl, then for each task: entry id, task id, attempt,
-- outcome (completed, failed, cancelled), agent JSON, message JSON, seq, error, error type,
-- result, partial, usage. Reply per task: the state it has now, or STALE.
local stream, queue, worker, result_ttl, event_ttl = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local out = {}

local function finish(entry, id, attempt, outcome, agent, message, seq, err, err_type, result, partial, usage)
  local status, completed, created = fence(id, worker, attempt)
  if not status then return 'STALE' end
  if not is_open(status, completed) then return is_final(status) and status or 'STALE' end
  if status == 'cancelled' and outcome ~= 'cancelled' then
    outcome = 'cancelled'
    message = json_str('Task ' .. id .. ' cancelled')
    if result ~= '' then partial = cjson.decode(result).output or '' end
  end
  local f = {}
  local function field(name, value) f[#f + 1] = name; f[#f + 1] = value end
  if outcome == 'completed' then field('result', result) end
  if outcome == 'failed' then field('error', err); field('error_type', err_type) end
  if outcome ~= 'completed' and partial ~= '' then field('partial', partial) end
  if usage ~= '' then field('usage', usage) end
  end_task(id, queue, status, outcome, created, f, agent, message, seq, worker, attempt, result_ttl, event_ttl)
  spend(entry)
  return outcome
end

for i = 6, #ARGV, 12 do
  out[#out + 1] = finish(unpack(ARGV, i, i + 11))
end
write_spent(stream)
write_indexes()
return out

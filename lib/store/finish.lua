-- End attempts for good. KEYS: queue. ARGV: prefix, queue name, worker id,
-- result ttl, event ttl, then for each task: entry id, task id, attempt,
-- outcome (completed, failed, cancelled), agent JSON, message JSON, seq, error, error type,
-- result, partial, usage, "1" when the stream's expiry was set a moment ago. Reply per task: the state it has now, or STALE, or what is wrong with its keys.
-- with: used
local stream, queue, worker, result_ttl, event_ttl = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local out = {}

local function finish(entry, id, attempt, outcome, agent, message, seq, err, err_type, result, partial, usage, is_fresh)
  local status, created, before = fence(id, worker, attempt)
  if not status then return 'STALE' end
  if not is_open(id, status) then return give_back(entry, status) or 'STALE' end
  spend(entry)
  if status == 'cancelled' and outcome ~= 'cancelled' then
    outcome = 'cancelled'
    message = json_str('Task ' .. id .. ' cancelled')
    if result ~= '' then partial = cjson.decode(result).output or '' end
  end
  local f = {}
  if outcome == 'completed' then
    f = { 'result', result }
  elseif outcome == 'failed' then
    f = { 'error', err, 'error_type', err_type }
  end
  local n = #f
  if outcome ~= 'completed' and partial ~= '' then f[n + 1] = 'partial'; f[n + 2] = partial; n = n + 2 end
  if usage ~= '' then
    f[n + 1] = 'usage'; f[n + 2] = usage
    account(before, usage)
  end
  end_task(id, queue, status, outcome, created, f, agent, message, seq, attempt, result_ttl, event_ttl, is_fresh)
  return outcome
end

for i = 6, #ARGV, 13 do
  out[#out + 1] = move_one(finish, unpack(ARGV, i, i + 12))
end
write_used(stream)
write_all(stream, queue, worker)
return out

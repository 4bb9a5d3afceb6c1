-- Delete dead letters. KEYS: queue. ARGV: prefix, queue name, who, from where, nonce of this request, then ids of dead
-- letters. Reply per letter: 1, or 0 when it is not there.
local dead, who, from, letters = KEYS[1] .. ':dead', ARGV[3], ARGV[4], {}
for i = 6, #ARGV do letters[#letters + 1] = ARGV[i] end
-- The answer, for the same call once more: what it deleted is not there then.
local answer = P .. 'orbiter:purged:' .. ARGV[5] .. ':' .. letters[1]
local out = {}
local had = call('GET', answer)
if had then
  for i = 1, #had do out[i] = had:byte(i) - 48 end
  return out
end
call('XLEN', dead) -- both raise, before anything is written, when the key is no stream
check_audit()
call('SET', answer, '', 'EX', 60)
for i, letter in ipairs(letters) do
  local found = call('XRANGE', dead, letter, letter)[1]
  out[i] = found and 1 or 0
  if found then
    local id = field_of(found[2], 'task_id')
    call('XDEL', dead, letter)
    audit(who, from, 'dead-purge', empty(id) and letter or id, 'dead', 'purged')
  end
end
call('SET', answer, table.concat(out), 'EX', 60)
return out

-- Does this worker still own what it runs? ARGV: prefix, worker id, then for each task: id,
-- attempt. Reply per task: mine, lost, or cancelled: mine, and to be ended.
local worker, out = ARGV[2], {}
for i = 3, #ARGV, 2 do
  local status = fence(ARGV[i], worker, ARGV[i + 1])
  out[#out + 1] = not status and 'lost' or status == 'running' and 'mine' or is_open(ARGV[i], status) and 'cancelled' or 'lost'
end
return out

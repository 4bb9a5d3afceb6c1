-- An act that is only for what somebody has seen. What was seen of a task: "status attempt", "status" (in whatever attempt) or
-- "" (whatever it is). Its state now, in the first form, when that is another one; else nil.
local function changed_task(seen, status, attempt)
  if empty(seen) then return end
  if not INDEX[status] then status = 'pending' end
  local now = status .. ' ' .. (empty(attempt) and '0' or attempt)
  if now ~= seen and status ~= seen then return now end
end

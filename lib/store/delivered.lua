-- The id of the entry that was given to a consumer last; how many groups there are.
local function last_delivered(key)
  local groups = pcall_redis('XINFO', 'GROUPS', key)
  if groups.err then return end
  for _, group in ipairs(groups) do
    local info = {}
    for i = 1, #group, 2 do info[group[i]] = group[i + 1] end
    if info.name == key .. ':group' then return info['last-delivered-id'], #groups end
  end
end

local function is_behind(a, b)
  local a1, a2, b1, b2 = a:match('^(%d+)-(%d+)$')
  b1, b2 = b:match('^(%d+)-(%d+)$')
  if #a1 ~= #b1 then return #a1 < #b1 end
  if a1 ~= b1 then return a1 < b1 end
  return tonumber(a2) < tonumber(b2)
end

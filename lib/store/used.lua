-- What the tasks of the queue have used: a task's own sum grows with each attempt, and here goes what it grew by. Called
-- behind the fence, which lets an attempt end once. cost is in dollars, of the models that have a price.
local used = {}
local function account(before, now)
  for sign, usage in pairs({ [-1] = before, [1] = now }) do
    for name, n in usage:gmatch('"([a-z_]+)": ([%d.e+-]+)') do used[name] = (used[name] or 0) + sign * n end
  end
end
local function write_used(stream)
  -- A task ends also where this cannot be written.
  for name, n in pairs(used) do
    if name == 'cost' then
      pcall_redis('HINCRBYFLOAT', stream .. ':spent', name, string.format('%.9f', n))
    elseif n ~= 0 then
      pcall_redis('HINCRBY', stream .. ':spent', name, string.format('%.0f', n))
    end
  end
end

-- Is there such a queue?
local function is_known(stream, queue)
  return call('SISMEMBER', P .. 'orbiter:queues', queue) == 1 or call('EXISTS', stream) == 1
end

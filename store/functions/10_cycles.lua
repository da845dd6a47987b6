-- The sales cycle. Its later transitions belong to the hub.

local function store_id(now)
  local id = call('HGET', 'meta:{s0}', 'store_id')
  if id then return id end
  -- run_id is random: a restored or emptied Redis is told apart from this one.
  id = redis.sha1hex(call('INFO', 'server'):match('run_id:(%w+)') .. now):sub(1, 16)
  call('HSET', 'meta:{s0}', 'store_id', id, 'created_ms', string.format('%d', now), 'schema', '1')
  return id
end

register('get_cycle_v1', function()
  local row = call('GET', 'cycle:{s0}')
  return row and 'O' .. row or problem('unavailable', 'no cycle has been started')
end, {'no-writes'})

register('start_cycle_v1', function(args)
  local current, row = current_cycle()
  if current then return 'O' .. row end
  local id, opens_at, closes_at = args[1], to_integer(args[2]), to_integer(args[3])
  local feed_max = to_integer(args[4])
  if not is_name_part(id) or not opens_at or not closes_at or opens_at >= closes_at
    or not feed_max then
    return problem('malformed', 'start_cycle_v1 id opens_at_ms closes_at_ms feed_max')
  end
  store_id(now_ms())
  row = array(id, STATE_OPEN, opens_at, closes_at)
  call('SET', 'cycle:{s0}', row)
  call('HSET', 'cycles:{s0}', id, row)
  add_to_feed(args[4], 'y', row)
  return 'O' .. row
end)

register('readiness_v1', function()
  local _, row = current_cycle()
  if not row then return problem('unavailable', 'no cycle has been started') end
  return 'O\146' .. row .. encode(feed_number())
end, {'no-writes'})

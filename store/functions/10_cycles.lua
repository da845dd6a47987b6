-- The sales cycle. Its later transitions belong to the hub.

local SCHEMA = '3' -- of keys and rows: docs/STORE.md; another one is another Depot's data

-- Names the data set: a restored or an emptied Redis is told apart from the one before.
local function store_id(now)
  local id = call('HGET', 'meta:{s0}', 'store_id')
  if not id then
    local random, time = call('INFO', 'server'):match('run_id:(%w+)'), call('TIME')
    id = redis.sha1hex(random .. time[1] .. '.' .. time[2]):sub(1, 16)
    call('HSET', 'meta:{s0}', 'store_id', id, 'created_ms', text_of(now), 'schema', SCHEMA)
  end
  return id
end

local function other_currency(counted, currency)
  return problem('invalid', 'the data counts ' .. counted .. ', config.yml says ' .. currency
    .. ': set currency back; another currency begins with other data (redis.dir)')
end

-- Whether this Depot may work on the data, which are in one currency for good.
register('open_store_v1', function(args)
  local currency = args[1]
  if not is_name_part(currency) then return problem('malformed', 'open_store_v1 currency') end
  store_id(now_ms())
  local schema, counted = unpack(call('HMGET', 'meta:{s0}', 'schema', 'currency'))
  if schema ~= SCHEMA then
    return problem('unavailable', 'the data is of schema ' .. (schema or 'unknown')
      .. ', written by another version of Depot; this one reads schema ' .. SCHEMA)
  end
  if counted and counted ~= currency then return other_currency(counted, currency) end
  if not counted then call('HSET', 'meta:{s0}', 'currency', currency) end
  return DONE
end)

register('get_cycle_v1', function()
  local row = call('GET', 'cycle:{s0}')
  return row and 'O' .. row or problem('unavailable', 'no cycle has been started')
end, {'no-writes'})

register('start_cycle_v1', function(args)
  local _, current = current_cycle()
  if current then return 'O' .. current end
  local id, opens_at, closes_at = args[1], to_integer(args[2]), to_integer(args[3])
  if not is_name_part(id) or not opens_at or not closes_at or opens_at >= closes_at
    or not to_integer(args[4]) then
    return problem('malformed', 'start_cycle_v1 id opens_at_ms closes_at_ms feed_max')
  end
  store_id(now_ms())
  local row = array(id, OPEN, opens_at, closes_at)
  call('SET', 'cycle:{s0}', row)
  call('HSET', 'cycles:{s0}', id, row)
  call('HSET', 'meta:{s0}', 'turned_ms', text_of(now_ms()))
  add_to_feed(args[4], 'y', row)
  return 'O' .. row
end)

register('readiness_v1', function()
  local row = call('GET', 'cycle:{s0}')
  if not row then return problem('unavailable', 'no cycle has been started') end
  return 'O\146' .. row .. encode(feed_number())
end, {'no-writes'})

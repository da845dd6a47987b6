-- Settlement: what each manufacturer has coming from a cycle that is closed. The hub makes the
-- packs from the ledgers (protocol/statement.hpp); each is written once and never changes.

local WORK_MAX = '16' -- packs to be written that are named at once

-- The sums of all; and each pack, which may be of many megabytes and is read by its range.
local function packs_key(cycle) return 'packs:{s0}:' .. cycle end
local function pack_key(cycle, maker) return 'pack:{s0}:' .. cycle .. ':' .. maker end
local function agreed_key(cycle) return 'agreed:{s0}:' .. cycle end

local function read_cycle(id)
  local row = id and call('HGET', 'cycles:{s0}', id)
  return row and decode(row)
end

-- What there is to do, for the hub: [now, the current cycle, the planned one or nil, [who has not
-- answered while it collects, ...], [cycle, state, closed_at, [manufacturer without a pack, epoch
-- and number that its part of the ledger begins and ends with, currency, fee rate, ...], ...]].
register('cycle_work_v1', function()
  local cycle, row = current_cycle()
  if not cycle then return problem('unavailable', 'no cycle has been started') end
  local silent = cycle[2] == COLLECTING and silent_in(cycle[1]) or {}
  local settling, closed = {}, call('HGETALL', 'settling:{s0}')
  for i = 1, #closed, 2 do
    local missing = {}
    local todo = call('HRANDFIELD', 'topack:{s0}:' .. closed[i], WORK_MAX, 'WITHVALUES')
    for k = 1, #todo, 2 do push(missing, todo[k], unpack(decode(todo[k + 1]))) end
    push(settling, closed[i], read_cycle(closed[i])[2], tonumber(closed[i + 1]), missing)
  end
  return 'O\149' .. encode(now_ms()) .. row .. (call('GET', 'planned:{s0}') or '\192')
    .. encode(silent, settling)
end, {'no-writes'})

register('write_pack_v1', function(args)
  local id, maker, pack = unpack(args, 1, 3)
  local _, hash, units, gross, fee, net
  if pack and byte(pack) == 0x9d then -- Behind that byte the sums come first.
    _, hash, units, gross, _, fee, net = decode_some(pack, 6, 1)
  end
  if not is_bytes(hash, 32) then
    return problem('malformed', 'write_pack_v1 cycle manufacturer pack')
  end
  if call('HEXISTS', 'topack:{s0}:' .. id, maker) == 1 then
    call('SET', pack_key(id, maker), pack)
    call('HSET', packs_key(id), maker, encode(hash, units, gross, fee, net))
    call('HDEL', 'topack:{s0}:' .. id, maker)
  end
  return DONE
end, READS)

-- closed -> settling when every pack is written, which each manufacturer finds in its ledger; and
-- settling -> settled when all agree, or so long after it was closed.
register('settle_cycle_v1', function(args)
  local id, after, feed_max = args[1], to_integer(args[2]), args[3]
  if not after or not to_integer(feed_max) then
    return problem('malformed', 'settle_cycle_v1 cycle settle_after_ms feed_max')
  end
  local cycle, closed_at = read_cycle(id), call('HGET', 'settling:{s0}', id)
  if not cycle or not closed_at then
    return problem('not_found', 'no such cycle is to be settled')
  end
  local now, due = now_ms(), call('EXISTS', 'topack:{s0}:' .. id) == 0
  local makers = call('HKEYS', packs_key(id))
  if cycle[2] == SETTLING and due and now < closed_at + after then
    for _, answer in ipairs(call_many('HMGET', agreed_key(id), makers)) do
      due = due and answer and decode(answer) == 1
    end
  end
  if not due then return not_due() end
  table.sort(makers)
  cycle[2] = cycle[2] + 1
  tell(makers, cycle, now, feed_max)
  call('HSET', 'cycles:{s0}', id, cycle_row(cycle))
  if cycle[2] == SETTLED then call('HDEL', 'settling:{s0}', id) end
  return 'O' .. cycle_row(cycle)
end, READS)

-- What a manufacturer says of its pack, which it names by its hash. That it agrees is final.
register('answer_pack_v1', function(args)
  local maker, id, hash, agrees, detail = unpack(args, 1, 5)
  if not id or not is_bytes(hash, 32) or not (agrees == '0' or agrees == '1') or not detail
    or not (detail == '' or is_text(detail, 200)) then
    return problem('malformed', 'answer_pack_v1 manufacturer cycle hash agrees detail')
  end
  local sums, before = call('HGET', packs_key(id), maker), call('HGET', agreed_key(id), maker)
  if not sums then return problem('not_found', 'no statement for that cycle') end
  if (decode(sums)) ~= hash then return problem('invalid', 'another statement\'s hash') end
  if not before or decode(before) == 0 then
    call('HSET', agreed_key(id), maker, encode(tonumber(agrees), now_ms(), detail))
  end
  return DONE
end, READS)

-- What a manufacturer has said of its pack: 1 agrees, 0 or nil, when, why not.
local function answer_of(id, maker)
  return call('HGET', agreed_key(id), maker) or '\192\192\192'
end

register('statement_v1', function(args)
  local maker, id = unpack(args, 1, 2)
  if not id then return problem('malformed', 'statement_v1') end
  local pack = call('GET', pack_key(id, maker))
  return pack and 'O\148' .. pack .. answer_of(id, maker) or DONE
end, {'no-writes'})

-- The sums of a statement: units, gross, fee, net, and 1 agrees or 0 or false; nothing without one.
local function sums_of(id, maker)
  local sums = call('HGET', packs_key(id), maker)
  if not sums then return end
  local _, units, gross, fee, net = decode(sums)
  return units, gross, fee, net, decode(answer_of(id, maker)) or false
end

-- [sku, units asked for in vain in the current cycle, ...] of the manufacturer's skus named.
register('demand_v1', function(args)
  local cycle, ids, rows = current_cycle(), {}, {}
  if not cycle or not args[2] then return 'O\144' end
  for i = 2, #args do ids[i - 1] = args[1] .. ':' .. args[i] end
  local offers = read_offers(cycle[1], ids)
  for i, id in ipairs(ids) do
    if offers[id] then push(rows, args[i + 1], offers[id].refused) end
  end
  return 'O' .. encode(rows)
end, {'no-writes'})

-- Cycles, for the operator, the oldest first: [the current one, [id, state, opens, closes, packs
-- written, packs to be written, manufacturers that agree, that do not, ...], [who said nothing as
-- it began, ...]]. The newest of them, and those that settle; "0": all.
register('cycles_v1', function(args)
  local current, row = current_cycle()
  if not current then return problem('unavailable', 'no cycle has been started') end
  local count = to_integer(args[1])
  if not count then return problem('malformed', 'cycles_v1 count') end
  local rows, cycles, silent = {}, {}, call('GET', 'silent:{s0}')
  for i, each in ipairs(call('HVALS', 'cycles:{s0}')) do cycles[i] = decode(each) end
  table.sort(cycles, function(a, b) return a[3] < b[3] or (a[3] == b[3] and a[4] < b[4]) end)
  for i, cycle in ipairs(cycles) do
    local id, agree, not_agree = cycle[1], 0, 0
    local settles = cycle[2] == CLOSED or cycle[2] == SETTLING
    if settles or count == 0 or i > #cycles - count then
      for _, answer in ipairs(call('HVALS', agreed_key(id))) do
        if decode(answer) == 1 then agree = agree + 1 else not_agree = not_agree + 1 end
      end
      push(rows, unpack(cycle, 1, 4))
      push(rows, call('HLEN', packs_key(id)), call('HLEN', 'topack:{s0}:' .. id), agree, not_agree)
    end
  end
  local of_cycle, makers = decode(silent or '\192')
  if of_cycle ~= current[1] then makers = silent_in(current[1]) end
  if current[2] ~= COLLECTING and of_cycle ~= current[1] then makers = {} end
  return 'O\147' .. row .. encode(rows, makers)
end, {'no-writes'})

-- The sums of the cycle's packs: [manufacturer, units, gross, fee, net, agrees or false, ...].
register('packs_v1', function(args)
  local makers, rows = args[1] and call('HKEYS', packs_key(args[1])) or {}, {}
  table.sort(makers)
  for _, maker in ipairs(makers) do push(rows, maker, sums_of(args[1], maker)) end
  return 'O' .. encode(rows)
end, {'no-writes'})

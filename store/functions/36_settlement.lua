-- Settlement: what each manufacturer has coming from a cycle that is closed. The hub makes the
-- packs from the ledgers (protocol/statement.hpp); each is written once and never changes.

local WORK_MAX = '16' -- cycles, and packs of each, that are named at once
local SHOWN_MAX = 20 -- cycles that settle, and troubles, that the operator is shown
local NO_STATEMENT, DISAGREES = 0, 1 -- troubles: control/cycle_rows.hpp

-- The sums of all; and each pack, which may be of many megabytes and is read by its range.
local function packs_key(cycle) return 'packs:{s0}:' .. cycle end
local function pack_key(cycle, maker) return 'pack:{s0}:' .. cycle .. ':' .. maker end
local function agreed_key(cycle) return 'agreed:{s0}:' .. cycle end
local function topack_key(cycle) return 'topack:{s0}:' .. cycle end
local function resolved_key(cycle) return 'resolved:{s0}:' .. cycle end

-- What the operator has to see to, until it is mended or resolved.
local function set_trouble(cycle, maker, kind, why)
  if call('HEXISTS', resolved_key(cycle), maker) == 1 then return end
  call('HSET', 'troubles:{s0}', cycle .. ':' .. maker, encode(kind, now_ms(), why))
end
local function clear_trouble(cycle, maker)
  call('HDEL', 'troubles:{s0}', cycle .. ':' .. maker)
end

-- Who misses a pack; maker -> why it could not be made; how many of them nobody waits for, since it
-- could not be made or is resolved.
local function missing_packs(id)
  local makers, why, failed = call('HKEYS', topack_key(id)), {}, 0
  local names = {}
  for i, maker in ipairs(makers) do names[i] = id .. ':' .. maker end
  local resolved = call_many('HMGET', resolved_key(id), makers)
  for i, row in ipairs(call_many('HMGET', 'troubles:{s0}', names)) do
    if row then why[makers[i]] = select(3, decode(row)) end
    if row or resolved[i] then failed = failed + 1 end
  end
  return makers, why, failed
end

local function read_cycle(id)
  local row = id and call('HGET', 'cycles:{s0}', id)
  return row and decode(row)
end

-- What there is to do, for the hub: [now, the current cycle, the planned one or nil, [who has not
-- answered while it collects, ...], [cycle, state, closed_at, [manufacturer without a pack, epoch
-- and number that its part of the ledger begins and ends with, currency, fee rate, whether it could
-- not be made or is resolved, ...], ...], how many troubles]. Of the cycles that settle, those in
-- which something came to pass, or that were closed settle_after ago.
register('cycle_work_v1', function(args)
  local cycle, row = current_cycle()
  if not cycle then return problem('unavailable', 'no cycle has been started') end
  local after, now, settling = to_integer(args[1]), now_ms(), {}
  if not after then return problem('malformed', 'cycle_work_v1 settle_after_ms') end
  local silent = cycle[2] == COLLECTING and silent_in(cycle[1]) or {}
  local todo = call('SRANDMEMBER', 'towork:{s0}', WORK_MAX)
  push(todo, unpack(call('ZRANGEBYSCORE', 'settling:{s0}', '-inf', text_of(now - after), 'LIMIT',
    '0', WORK_MAX)))
  local seen = {}
  for _, id in ipairs(todo) do
    local closed_at, missing = call('ZSCORE', 'settling:{s0}', id), {}
    if closed_at and not seen[id] then
      local packs = call('HRANDFIELD', topack_key(id), WORK_MAX, 'WITHVALUES')
      for k = 1, #packs, 2 do
        push(missing, packs[k], unpack(decode(packs[k + 1])))
        push(missing, call('HEXISTS', 'troubles:{s0}', id .. ':' .. packs[k]) == 1
          or call('HEXISTS', resolved_key(id), packs[k]) == 1)
      end
      push(settling, id, read_cycle(id)[2], tonumber(closed_at), missing)
      seen[id] = true
    end
  end
  return 'O\150' .. encode(now) .. row .. (call('GET', 'planned:{s0}') or '\192')
    .. encode(silent, settling, call('HLEN', 'troubles:{s0}'))
end, {'no-writes'})

-- The cycle's row, and when it was closed, where it still settles.
local function read_settling(id)
  local cycle = read_cycle(id)
  return cycle, cycle and tonumber(call('ZSCORE', 'settling:{s0}', id) or nil)
end

register('write_pack_v1', function(args)
  local id, maker, pack, feed_max = unpack(args, 1, 4)
  local _, hash, units, gross, fee, net
  if pack and byte(pack) == 0x9d then -- Behind that byte the sums come first.
    _, hash, units, gross, _, fee, net = decode_some(pack, 6, 1)
  end
  if not is_bytes(hash, 32) or not to_integer(feed_max) then
    return problem('malformed', 'write_pack_v1 cycle manufacturer pack feed_max')
  end
  if call('HEXISTS', topack_key(id), maker) == 1 then
    local cycle = read_cycle(id)
    -- The others know already. First, since it alone could fail.
    if cycle and cycle[2] == SETTLING then tell({maker}, cycle, now_ms(), feed_max) end
    call('SET', pack_key(id, maker), pack)
    call('HSET', packs_key(id), maker, encode(hash, units, gross, fee, net))
    call('HDEL', topack_key(id), maker)
    clear_trouble(id, maker)
  end
  return DONE
end, READS)

-- The pack cannot be made of the ledger as it is: the others' do not wait for it.
register('fail_pack_v1', function(args)
  local id, maker, why = unpack(args, 1, 3)
  if not is_text(why, 200) then
    return problem('malformed', 'fail_pack_v1 cycle manufacturer why')
  end
  if call('HEXISTS', topack_key(id), maker) == 1 then set_trouble(id, maker, NO_STATEMENT, why) end
  return DONE
end, READS)

-- Whether each manufacturer agrees, or the operator has resolved it.
local function all_agree(id, makers, missing)
  local resolved, answers = {}, call_many('HMGET', agreed_key(id), makers)
  for _, maker in ipairs(call('HKEYS', resolved_key(id))) do resolved[maker] = true end
  for i, maker in ipairs(makers) do
    local agrees = answers[i] and decode(answers[i]) == 1
    if not agrees and not resolved[maker] then return false end
  end
  for _, maker in ipairs(missing) do
    if not resolved[maker] then return false end
  end
  return true
end

-- closed -> settling when every pack is written that can be, which each manufacturer finds in its
-- ledger; and settling -> settled when all agree, or so long after it was closed.
register('settle_cycle_v1', function(args)
  local id, after, feed_max = args[1], to_integer(args[2]), args[3]
  if not after or not to_integer(feed_max) then
    return problem('malformed', 'settle_cycle_v1 cycle settle_after_ms feed_max')
  end
  local cycle, closed_at = read_settling(id)
  if not closed_at then return problem('not_found', 'no such cycle is to be settled') end
  local now, makers, due = now_ms(), call('HKEYS', packs_key(id)), nil
  local missing, _, failed = missing_packs(id)
  if cycle[2] == SETTLING then
    due = now >= closed_at + after or all_agree(id, makers, missing)
  else
    due = #missing == failed
  end
  if not due then
    if #missing == 0 then call('SREM', 'towork:{s0}', id) end -- Until the next answer.
    return not_due()
  end
  table.sort(makers)
  cycle[2] = cycle[2] + 1
  tell(makers, cycle, now, feed_max)
  call('HSET', 'cycles:{s0}', id, cycle_row(cycle))
  if cycle[2] == SETTLED then
    call('ZREM', 'settling:{s0}', id)
    call('SREM', 'towork:{s0}', id)
  end
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
    if agrees == '1' then
      clear_trouble(id, maker)
      if call('ZSCORE', 'settling:{s0}', id) then call('SADD', 'towork:{s0}', id) end
    else
      set_trouble(id, maker, DISAGREES, detail)
    end
  end
  return DONE
end, READS)

-- The operator has settled it with the manufacturer otherwise, as the note says: where that has no
-- statement, or does not agree to it. Answers what was resolved before.
register('resolve_pack_v1', function(args)
  local id, maker, note = unpack(args, 1, 3)
  if not maker or not is_text(note, 200) then
    return problem('malformed', 'resolve_pack_v1 cycle manufacturer note')
  end
  local answer = call('HGET', agreed_key(id), maker)
  local written = call('HEXISTS', packs_key(id), maker) == 1
  if not written and call('HEXISTS', topack_key(id), maker) == 0 then
    return problem('not_found', maker .. ' has nothing to settle in cycle ' .. id)
  end
  if answer and decode(answer) == 1 then
    return problem('invalid', maker .. ' agrees to its statement for cycle ' .. id)
  end
  call('HSET', resolved_key(id), maker, encode(now_ms(), note))
  clear_trouble(id, maker)
  if call('ZSCORE', 'settling:{s0}', id) then call('SADD', 'towork:{s0}', id) end
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
-- written, packs to be written, those that could not be, manufacturers that agree, that do not,
-- that are resolved, ...], [who said nothing as it began, ...]]. The newest of them, and some that
-- settle; "0": all.
register('cycles_v1', function(args)
  local current, row = current_cycle()
  if not current then return problem('unavailable', 'no cycle has been started') end
  local count = to_integer(args[1])
  if not count then return problem('malformed', 'cycles_v1 count') end
  local rows, cycles, silent, settles = {}, {}, call('GET', 'silent:{s0}'), {}
  for _, id in ipairs(call('ZRANGE', 'settling:{s0}', '0', text_of(SHOWN_MAX - 1))) do
    settles[id] = true
  end
  for i, each in ipairs(call('HVALS', 'cycles:{s0}')) do cycles[i] = decode(each) end
  table.sort(cycles, function(a, b) return a[3] < b[3] or (a[3] == b[3] and a[4] < b[4]) end)
  for i, cycle in ipairs(cycles) do
    local id, agree, not_agree, resolved = cycle[1], 0, 0, {}
    if settles[id] or count == 0 or i > #cycles - count then
      for _, maker in ipairs(call('HKEYS', resolved_key(id))) do resolved[maker] = true end
      local answers = call('HGETALL', agreed_key(id))
      for k = 1, #answers, 2 do
        if decode(answers[k + 1]) == 1 then
          agree, resolved[answers[k]] = agree + 1, nil
        elseif not resolved[answers[k]] then
          not_agree = not_agree + 1
        end
      end
      local missing, _, failed = missing_packs(id)
      local how_many = 0
      for _ in pairs(resolved) do how_many = how_many + 1 end
      push(rows, unpack(cycle, 1, 4))
      push(rows, call('HLEN', packs_key(id)), #missing, failed, agree, not_agree, how_many)
    end
  end
  local of_cycle, makers = decode(silent or '\192')
  if of_cycle ~= current[1] then makers = silent_in(current[1]) end
  if current[2] ~= COLLECTING and of_cycle ~= current[1] then makers = {} end
  return 'O\147' .. row .. encode(rows, makers)
end, {'no-writes'})

-- The sums of the cycle's packs, and who misses one: [[manufacturer, units, gross, fee, net, agrees
-- or false, the operator's note or false, ...], [manufacturer, why not or false, note or false,
-- ...]].
register('packs_v1', function(args)
  local id, rows, missed = args[1], {}, {}
  if not id then return problem('malformed', 'packs_v1 cycle') end
  local function note_of(maker)
    local row = call('HGET', resolved_key(id), maker)
    return row and select(2, decode(row)) or false
  end
  local makers, missing, why = call('HKEYS', packs_key(id)), missing_packs(id)
  table.sort(makers)
  table.sort(missing)
  for _, maker in ipairs(makers) do
    push(rows, maker, sums_of(id, maker))
    push(rows, note_of(maker))
  end
  for _, maker in ipairs(missing) do push(missed, maker, why[maker] or false, note_of(maker)) end
  return 'O\146' .. encode(rows, missed)
end, {'no-writes'})

-- [how many there are, [cycle, manufacturer, kind, since when, why, ...]], some of them.
register('troubles_v1', function()
  local names, rows = call('HKEYS', 'troubles:{s0}'), {}
  table.sort(names)
  for i = 1, min(#names, SHOWN_MAX) do
    local id, maker = names[i]:match('^([^:]+):(.+)$')
    push(rows, id, maker, decode(call('HGET', 'troubles:{s0}', names[i])))
  end
  return 'O\146' .. encode(#names, rows)
end, {'no-writes'})

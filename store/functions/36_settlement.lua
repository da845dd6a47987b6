-- Settlement: what each manufacturer has coming from a cycle that is closed. The hub makes the
-- packs from the ledgers (protocol/statement.hpp); each is written once and never changes.

local WORK_MAX = '16' -- cycles, and packs of each, that are named at once
local SHOWN_MAX = 20 -- cycles that settle, and troubles, that the operator is shown

-- The sums of all; and each pack, which may be of many megabytes and is read by its range.
local function packs_key(cycle) return 'packs:{s0}:' .. cycle end
local function pack_key(cycle, maker) return 'pack:{s0}:' .. cycle .. ':' .. maker end
-- Who is to have a pack, and who is to have one that could not be made when it was tried last.
local function topack_key(cycle) return 'topack:{s0}:' .. cycle end
local function stuck_key(cycle) return 'stuck:{s0}:' .. cycle end
-- What the manufacturers say of theirs.
local function agreed_key(cycle) return 'agreed:{s0}:' .. cycle end
local function disputed_key(cycle) return 'disputed:{s0}:' .. cycle end
local function resolved_key(cycle) return 'resolved:{s0}:' .. cycle end

local function trouble_name(cycle, maker) return cycle .. ':' .. maker end
local function set_settlement_trouble(cycle, maker, kind, why)
  if call('HEXISTS', resolved_key(cycle), maker) == 1 then return end
  set_trouble(trouble_name(cycle, maker), kind, why)
end

local function read_cycle(id)
  local row = id and call('HGET', 'cycles:{s0}', id)
  return row and decode(row)
end

-- What there is to do, for the hub: [now, the current cycle, the planned one or nil, [who has not
-- answered while it collects, ...], [cycle, state, closed_at, [manufacturer without a pack, epoch
-- and number that its part of the ledger begins and ends with, currency, fee rate, whether it could
-- not be made, ...], ...], how many troubles]. Of the cycles that settle, those in which something
-- came to pass, or that were closed settle_after ago.
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
      for _, key in ipairs({topack_key(id), stuck_key(id)}) do
        local packs = call('HRANDFIELD', key, WORK_MAX, 'WITHVALUES')
        for k = 1, #packs, 2 do
          push(missing, packs[k], unpack(decode(packs[k + 1])))
          push(missing, key == stuck_key(id))
        end
      end
      push(settling, id, read_cycle(id)[2], tonumber(closed_at), missing)
      seen[id] = true
    end
  end
  return 'O\150' .. encode(now) .. row .. (call('GET', 'planned:{s0}') or '\192')
    .. encode(silent, settling, call('ZCARD', 'troubled:{s0}'))
end, {'no-writes'})

-- The cycle's row, and when it was closed, where it still settles.
local function read_settling(id)
  local cycle = read_cycle(id)
  return cycle, cycle and tonumber(call('ZSCORE', 'settling:{s0}', id) or nil)
end

-- The part of the ledger that the manufacturer's pack is to be made of, while it has none.
local function part_of(id, maker)
  return call('HGET', topack_key(id), maker) or call('HGET', stuck_key(id), maker)
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
  if part_of(id, maker) then
    local cycle = read_cycle(id)
    call('SET', pack_key(id, maker), pack)
    call('HSET', packs_key(id), maker, encode(hash, units, gross, fee, net))
    call('HDEL', topack_key(id), maker)
    call('HDEL', stuck_key(id), maker)
    clear_trouble(trouble_name(id, maker))
    -- The others know already.
    if cycle and cycle[2] == SETTLING then tell({maker}, cycle, now_ms(), feed_max) end
  end
  return DONE
end, READS)

-- The pack cannot be made of the ledger as it is: the others' do not wait for it.
register('fail_pack_v1', function(args)
  local id, maker, why = unpack(args, 1, 3)
  if not is_text(why, 200) then
    return problem('malformed', 'fail_pack_v1 cycle manufacturer why')
  end
  local part = part_of(id, maker)
  if part then
    call('HSET', stuck_key(id), maker, part)
    call('HDEL', topack_key(id), maker)
    set_settlement_trouble(id, maker, NO_STATEMENT, why)
  end
  return DONE
end, READS)

-- Of the manufacturers that the operator has resolved: those with a pack, those without, and those
-- that do not agree; one that came to agree since is none of them.
local function resolved_in(id)
  local makers, written, missing, disputed = call('HKEYS', resolved_key(id)), {}, 0, 0
  local agreed = call_many('HMGET', agreed_key(id), makers)
  local packs = call_many('HMGET', packs_key(id), makers)
  local answers = call_many('HMGET', disputed_key(id), makers)
  for i, maker in ipairs(makers) do
    if packs[i] and not agreed[i] then push(written, maker) end
    if not packs[i] then missing = missing + 1 end
    if answers[i] then disputed = disputed + 1 end
  end
  return #written, missing, disputed
end

-- Whether each manufacturer agrees, or the operator has resolved it.
local function all_agree(id)
  local written, missing = resolved_in(id)
  return call('HLEN', packs_key(id)) == call('HLEN', agreed_key(id)) + written
    and call('HLEN', topack_key(id)) + call('HLEN', stuck_key(id)) == missing
end

-- closed -> settling when every pack is written that can be, which each manufacturer finds in its
-- ledger; and settling -> settled when all agree. Both at last so long after it was closed.
register('settle_cycle_v1', function(args)
  local id, after, feed_max = args[1], to_integer(args[2]), args[3]
  if not after or not to_integer(feed_max) then
    return problem('malformed', 'settle_cycle_v1 cycle settle_after_ms feed_max')
  end
  local cycle, closed_at = read_settling(id)
  if not closed_at then return problem('not_found', 'no such cycle is to be settled') end
  local now, unmade = now_ms(), call('HLEN', topack_key(id))
  local done = unmade == 0
  if cycle[2] == SETTLING then done = all_agree(id) end
  local due = done or now >= closed_at + after
  if not due then
    if unmade + call('HLEN', stuck_key(id)) == 0 then
      call('SREM', 'towork:{s0}', id) -- Until the next answer.
    end
    return not_due()
  end
  local makers = call('HKEYS', packs_key(id))
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
  local sums = call('HGET', packs_key(id), maker)
  if not sums then return problem('not_found', 'no statement for that cycle') end
  if (decode(sums)) ~= hash then return problem('invalid', 'another statement\'s hash') end
  if call('HEXISTS', agreed_key(id), maker) == 1 then return DONE end
  local row = encode(tonumber(agrees), now_ms(), detail)
  if agrees == '1' then
    call('HSET', agreed_key(id), maker, row)
    call('HDEL', disputed_key(id), maker)
    clear_trouble(trouble_name(id, maker))
    if call('ZSCORE', 'settling:{s0}', id) then call('SADD', 'towork:{s0}', id) end
  else
    call('HSET', disputed_key(id), maker, row)
    set_settlement_trouble(id, maker, DISAGREES, detail)
  end
  return DONE
end, READS)

-- The operator has settled what is a trouble with the manufacturer otherwise, as the note says;
-- once, since others may rely on the note.
register('resolve_pack_v1', function(args)
  local id, maker, note = unpack(args, 1, 3)
  if not maker or not is_text(note, 200) then
    return problem('malformed', 'resolve_pack_v1 cycle manufacturer note')
  end
  local resolved = call('HGET', resolved_key(id), maker)
  local who = maker .. ' in cycle ' .. id
  if resolved then
    return problem('invalid', who .. ' is resolved already: ' .. select(2, decode(resolved)))
  end
  if call('HEXISTS', 'troubles:{s0}', trouble_name(id, maker)) == 0 then
    if call('HEXISTS', agreed_key(id), maker) == 1 then
      return problem('invalid', who .. ' agrees to its statement')
    end
    if call('HEXISTS', packs_key(id), maker) == 1 then
      return problem('invalid', who .. ' has not answered yet: nothing is to be resolved')
    end
    if part_of(id, maker) then
      return problem('invalid', 'the statement of ' .. who .. ' is still to be written')
    end
    return problem('not_found', who .. ' has nothing to settle')
  end
  call('HSET', resolved_key(id), maker, encode(now_ms(), note))
  clear_trouble(trouble_name(id, maker))
  if call('ZSCORE', 'settling:{s0}', id) then call('SADD', 'towork:{s0}', id) end
  return DONE
end, READS)

-- What a manufacturer has said of its pack: 1 agrees, 0 or nil, when, why not.
local function answer_of(id, maker)
  return call('HGET', agreed_key(id), maker) or call('HGET', disputed_key(id), maker)
    or '\192\192\192'
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
-- there are to be, packs written, those that could not be, manufacturers that agree, that do not,
-- that are resolved, of these those without a pack, ...], [who said nothing as it began, ...]]. The
-- newest of them, and some that settle; "0": all.
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
    local id = cycle[1]
    if settles[id] or count == 0 or i > #cycles - count then
      local written, unwritten, disputed = resolved_in(id)
      local packs, stuck = call('HLEN', packs_key(id)), call('HLEN', stuck_key(id))
      push(rows, unpack(cycle, 1, 4))
      push(rows, packs + stuck + call('HLEN', topack_key(id)), packs, stuck,
        call('HLEN', agreed_key(id)), call('HLEN', disputed_key(id)) - disputed,
        written + unwritten, unwritten)
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
  if not read_cycle(id) then return problem('not_found', 'there is no cycle ' .. id) end
  local function note_of(maker)
    local row = call('HGET', resolved_key(id), maker)
    return row and select(2, decode(row)) or false
  end
  local makers, missing = call('HKEYS', packs_key(id)), call('HKEYS', stuck_key(id))
  for _, maker in ipairs(call('HKEYS', topack_key(id))) do push(missing, maker) end
  table.sort(makers)
  table.sort(missing)
  for _, maker in ipairs(makers) do
    push(rows, maker, sums_of(id, maker))
    push(rows, note_of(maker))
  end
  for _, maker in ipairs(missing) do
    local trouble = call('HGET', 'troubles:{s0}', trouble_name(id, maker))
    push(missed, maker, trouble and select(3, decode(trouble)) or false, note_of(maker))
  end
  return 'O\146' .. encode(rows, missed)
end, {'no-writes'})

-- What the operator is to see to: [how many troubles there are, [cycle or '', manufacturer, kind,
-- since when, why, ...] of the first, now, when the current cycle turned last or nil, that cycle or
-- nil, the planned one or nil].
register('troubles_v1', function()
  local rows = {}
  for _, name in ipairs(call('ZRANGE', 'troubled:{s0}', '0', text_of(SHOWN_MAX - 1))) do
    local id, maker = name:match('^([^:]*):(.+)$')
    push(rows, id, maker, decode(call('HGET', 'troubles:{s0}', name)))
  end
  local turned = call('HGET', 'meta:{s0}', 'turned_ms')
  return 'O\150' .. encode(call('ZCARD', 'troubled:{s0}'), rows, now_ms())
    .. encode(turned and tonumber(turned) or nil) .. (call('GET', 'cycle:{s0}') or '\192')
    .. (call('GET', 'planned:{s0}') or '\192')
end, {'no-writes'})

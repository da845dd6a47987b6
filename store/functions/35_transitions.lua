-- The cycle's transitions: planned -> collecting -> open -> closing -> closed, and then, beside the
-- cycles behind it, settling -> settled. Each is compare-and-set on (cycle, state), judged by the
-- clock of Redis, and answered with the cycle as it is now: a repeat, and a hub that is second,
-- change nothing. Which one is due, and the calendar, are the hub's
-- (manufacturer_hub/cycle_driver.hpp).

local function not_due(why) return problem('unavailable', why or 'not due yet') end
local function cycle_row(cycle) return array(unpack(cycle, 1, 4)) end

-- Makes `cycle` the current one and tells it.
local function set_current(cycle, feed_max)
  local row, before = cycle_row(cycle), current_cycle()
  call('SET', 'cycle:{s0}', row)
  call('HSET', 'cycles:{s0}', cycle[1], row)
  if before[1] ~= cycle[1] or before[2] ~= cycle[2] then
    call('HSET', 'meta:{s0}', 'turned_ms', text_of(now_ms()))
  end
  add_to_feed(feed_max, 'y', row)
  return 'O' .. row
end

-- An entry in the ledger of each of `makers`; the heads that moved are in the feed. One whose
-- ledger takes none holds up nobody else: it is true in what is returned.
local function tell(makers, cycle, now, feed_max)
  local untold, entry = {}, array(LEDGER_CYCLE, now, cycle[1], {unpack(cycle, 1, 4)})
  for first = 1, #makers, ENTRY_ROWS_MAX do
    local some, moved = {unpack(makers, first, min(first + ENTRY_ROWS_MAX - 1, #makers))}, {}
    local heads, rows = read_heads(some), {}
    for _, maker in ipairs(some) do
      local epoch, number = unpack(heads[maker] or {0, -1}) -- which none takes
      if add_entry(maker, epoch, number + 1, entry) then
        push(rows, maker, encode(epoch, number + 1))
        push(moved, maker, epoch, number + 1)
      else
        untold[maker] = true
      end
    end
    call_many('HSET', 'heads:{s0}', rows)
    if #moved > 0 then add_to_feed(feed_max, 'm', encode(moved)) end
  end
  return untold
end

-- Who has offered something in the cycle, in order.
local function makers_of(cycle)
  local seen, makers = {}, {}
  for _, offer in ipairs(call('HKEYS', stock_key(cycle))) do
    local maker = sub(offer, 1, find(offer, ':', 1, true) - 1)
    if not seen[maker] then
      seen[maker] = true
      push(makers, maker)
    end
  end
  table.sort(makers)
  return makers
end

-- The current cycle where it is `id` in `state`; else the answer: how it is now.
local function current_in(id, state)
  local cycle, row = current_cycle()
  if not cycle then return nil, problem('unavailable', 'no cycle has been started') end
  if cycle[1] ~= id or cycle[2] ~= state then return nil, 'O' .. row end
  return cycle
end

-- Who has not said what it offers in the cycle.
local function silent_in(cycle)
  local silent = {}
  for _, maker in ipairs(call('HKEYS', 'manufacturers:{s0}')) do
    if call('HGET', 'answered:{s0}', maker) ~= cycle then push(silent, maker) end
  end
  table.sort(silent)
  return silent
end

-- What the silent did not sell in the cycle before is offered once more.
local function carry_over(cycle, before, now, feed_max)
  local is_silent, of_maker, makers = {}, {}, {}
  for _, maker in ipairs(silent_in(cycle[1])) do is_silent[maker] = true end
  local stock = call('HGETALL', stock_key(before))
  for i = 1, #stock, 2 do
    local offer, maker = stock[i], sub(stock[i], 1, find(stock[i], ':', 1, true) - 1)
    local price, wanted, offered, cut, sold = decode(stock[i + 1])
    local left = offered - cut - sold
    if is_silent[maker] and wanted > 0 and left > 0 then
      if not of_maker[maker] then
        of_maker[maker] = {ids = {}, rows = {}}
        push(makers, maker)
      end
      push(of_maker[maker].ids, offer)
      of_maker[maker].rows[offer] = {sku = sub(offer, #maker + 2), price = price, wanted = left}
    end
  end
  table.sort(makers)
  for _, maker in ipairs(makers) do
    local ids, rows = of_maker[maker].ids, of_maker[maker].rows
    table.sort(ids)
    for first = 1, #ids, ENTRY_ROWS_MAX do
      local some, left_out = {unpack(ids, first, min(first + ENTRY_ROWS_MAX - 1, #ids))}, {}
      local stated = read_offers(cycle[1], some) -- It has begun to answer.
      for _, id in ipairs(some) do
        if not stated[id] then push(left_out, id) end
      end
      apply_offers(maker, cycle[1], rows, left_out, now, feed_max)
    end
  end
end

-- collecting -> open, when the hub has waited enough. What was offered by then is each
-- manufacturer's opening. carry: "1" where the silent go on with what they did not sell.
register('open_cycle_v1', function(args)
  local id, carry, feed_max = unpack(args, 1, 3)
  if not to_integer(carry) or not to_integer(feed_max) then
    return problem('malformed', 'open_cycle_v1 cycle carry feed_max')
  end
  local cycle, answer = current_in(id, COLLECTING)
  if not cycle then return answer end
  local now = now_ms()
  local before = carry == '1' and call('HGET', 'meta:{s0}', 'previous_cycle')
  if before then carry_over(cycle, before, now, feed_max) end
  cycle[2] = OPEN
  tell(makers_of(id), cycle, now, feed_max)
  call('SET', 'silent:{s0}', encode(id, silent_in(id)))
  call('DEL', 'answered:{s0}')
  return set_current(cycle, feed_max)
end, READS)

-- When it closes: another time, or "0": now. Only while it is open. Answers the cycle.
register('set_cycle_end_v1', function(args)
  local id, closes_at, feed_max = args[1], to_integer(args[2]), args[3]
  if not closes_at or not to_integer(feed_max) then
    return problem('malformed', 'set_cycle_end_v1 cycle closes_at_ms feed_max')
  end
  local cycle, answer = current_in(id, OPEN)
  if not cycle then return answer end
  local now = now_ms()
  if closes_at == 0 then closes_at = min(now, cycle[4]) end -- One that is overdue stays so.
  if closes_at <= cycle[3] then closes_at = cycle[3] + 1 end
  cycle[4] = closes_at
  return set_current(cycle, feed_max)
end, READS)

-- open -> closing, at its time.
register('close_cycle_v1', function(args)
  local id, feed_max = unpack(args, 1, 2)
  if not to_integer(feed_max) then return problem('malformed', 'close_cycle_v1 cycle feed_max') end
  local cycle, answer = current_in(id, OPEN)
  if not cycle then return answer end
  if now_ms() < cycle[4] then return not_due() end
  cycle[2] = CLOSING
  return set_current(cycle, feed_max)
end, READS)

-- planned -> collecting, at its time; and at once where there is no gap.
local function collect(cycle, feed_max)
  call('HSET', 'meta:{s0}', 'previous_cycle', current_cycle()[1])
  call('DEL', 'planned:{s0}', 'answered:{s0}')
  cycle[2] = COLLECTING
  return set_current(cycle, feed_max)
end

-- closing -> closed, when the grace is over, and the next one planned or begun. Each manufacturer
-- that offered gets its last entry of the cycle, and is put down for a settlement pack over the
-- part of its ledger since the last one, at the fee (hundredths of a percent) in force now.
register('end_cycle_v1', function(args)
  local id, grace, feed_max, next_id = args[1], to_integer(args[2]), args[3], args[4]
  local opens_at, closes_at = to_integer(args[5]), to_integer(args[6])
  local currency, fee_rate = args[7], to_integer(args[8])
  if not grace or not to_integer(feed_max) or not is_name_part(next_id) or not opens_at
    or not closes_at or opens_at >= closes_at or not is_name_part(currency) or not fee_rate then
    return problem('malformed',
      'end_cycle_v1 cycle grace_ms feed_max next_id opens closes currency fee_rate')
  end
  local cycle, answer = current_in(id, CLOSING)
  if not cycle then return answer end
  local counted = call('HGET', 'meta:{s0}', 'currency')
  if counted and counted ~= currency then return other_currency(counted, currency) end
  local now, makers = now_ms(), makers_of(id)
  if now < cycle[4] + grace then return not_due() end
  local proposed, count = next_id, 2
  while call('HEXISTS', 'cycles:{s0}', next_id) == 1 do -- A clock or a period went back and forth.
    next_id, count = proposed .. '.' .. text_of(count), count + 1
  end
  cycle[2] = CLOSED
  local untold, heads, packs, until_now = tell(makers, cycle, now, feed_max), nil, {}, {}
  heads = read_heads(makers)
  local settled = call_many('HMGET', 'settledto:{s0}', makers)
  for i, maker in ipairs(makers) do
    local epoch, number = 1, -1
    if settled[i] then epoch, number = decode(settled[i]) end
    local head = heads[maker] or {epoch, number}
    push(packs, maker, array(epoch, number + 1, head[1], head[2], currency, fee_rate))
    -- The next pack of one that was not told begins where this one does.
    if not untold[maker] then push(until_now, maker, encode(head[1], head[2])) end
  end
  call_many('HSET', 'topack:{s0}:' .. id, packs)
  call_many('HSET', 'settledto:{s0}', until_now)
  call('ZADD', 'settling:{s0}', text_of(now), id)
  call('SADD', 'towork:{s0}', id)
  set_current(cycle, feed_max)
  local following = {next_id, PLANNED, opens_at, closes_at}
  if opens_at <= now then return collect(following, feed_max) end
  call('SET', 'planned:{s0}', cycle_row(following))
  call('HSET', 'cycles:{s0}', next_id, cycle_row(following))
  return 'O' .. cycle_row(cycle)
end, READS)

register('collect_cycle_v1', function(args)
  local id, feed_max = unpack(args, 1, 2)
  local row, _, current = call('GET', 'planned:{s0}'), current_cycle()
  local planned = row and decode(row)
  if not to_integer(feed_max) then
    return problem('malformed', 'collect_cycle_v1 cycle feed_max')
  end
  if not planned or planned[1] ~= id then return 'O' .. current end
  if now_ms() < planned[3] then return not_due() end
  return collect(planned, feed_max)
end, READS)

-- Whether everything is sold in the cycle, by a page: [where to go on, "0" at the end, whether
-- there is something left, whether something was sold].
register('depletion_v1', function(args)
  local id, cursor = unpack(args, 1, 2)
  if not id or not to_integer(cursor) then
    return problem('malformed', 'depletion_v1 cycle cursor')
  end
  local after, rows = unpack(call('HSCAN', stock_key(id), cursor, 'COUNT', '1000'))
  local left, any = false, false
  for i = 2, #rows, 2 do
    local _, _, offered, cut, sold = decode(rows[i])
    left, any = left or offered - cut - sold > 0, any or sold > 0
  end
  return 'O' .. array(after, left, any)
end, {'no-writes'})

-- place_orders_v1: the one place where goods are sold. One call is one batch: all that it needs is
-- read first, each order is judged in turn against tables in memory (so that it sees what those
-- before it took), and what came of it is written by a handful of commands.

local OF_LINE = {'offer_withdrawn', 'price_changed', 'limit_exceeded', 'insufficient_stock',
  'insufficient_stock'}

-- [session, customer, order id, fingerprint, mode, cart version | nil, nil | lines], and as eighth
-- the number of values in lines. Raises for anything else: so does measuring or comparing a value of
-- a wrong type.
local function read_order(bytes)
  local order, more = decode(bytes)
  local mode, version, lines, named, size = order[5], order[6], order[7], {}, 0
  assert(more == nil and #order[1] == 16 and #order[2] == 16 and #order[3] == 16
    and #order[4] == 16 and (mode == 0 or mode == 1) and not version ~= not lines)
  assert(not version or (version >= 0 and version % 1 == 0))
  while lines and lines[size + 1] do
    local offer, quantity, seen = lines[size + 1], lines[size + 2], lines[size + 3]
    assert(#offer <= 129 and quantity >= 1 and quantity <= QUANTITY_MAX and quantity % 1 == 0)
    assert(not named[offer] and (not seen or seen % 1 == 0))
    named[offer], size = true, size + 3 -- Two lines of one offer would each find what is left.
  end
  assert(version or size > 0)
  order[8] = size
  return order
end

-- The answer given before to the same request; nil where there was none.
local function replay(order, placed, refused)
  if placed then -- sell() puts both at a fixed place.
    local same = placed:sub(3, 18) == order[4] and placed:sub(20, 35) == order[2]
    return same and 'p' .. placed or problem('idempotency_key_reused')
  end
  if refused then
    local same = refused:sub(1, 16) == order[4]
    return same and 'n' .. refused:sub(17) or problem('idempotency_key_reused')
  end
end

local function lines_of(batch, order)
  if order[7] then return order[7], order[8] end
  local lines = batch.carts[order[2]].lines
  return lines, #lines
end

-- Sessions, buyers, records and carts of all orders, by one command for each kind.
local function read_records(batch)
  local orders, keys, ids, customers, carts = batch.orders, {'cycle:{s0}'}, {}, {}, {}
  for i = 1, #orders do
    local order = orders[i]
    keys[2 * i], keys[2 * i + 1] = 'session:{s0}:' .. order[1], 'order:{s0}:' .. order[3]
    ids[i], customers[i] = order[3], order[2]
    if order[6] then carts[#carts + 1] = cart_key(order[2]) end
  end
  batch.rows = call('MGET', unpack(keys))
  batch.buyers = call('HMGET', 'buyer:{s0}', unpack(customers))
  batch.refused_today = call('HMGET', batch.refusals_key, unpack(ids))
  batch.refused_before = call('HMGET', 'refused:{s0}:' .. text_of(batch.day - 1), unpack(ids))
  batch.cycle = batch.rows[1] and decode(batch.rows[1]) or {'', 0}
  if #carts == 0 then return end
  carts = call('MGET', unpack(carts))
  local next_cart = 1
  for i = 1, #orders do
    if orders[i][6] then
      batch.carts[customers[i]] = to_cart(carts[next_cart])
      next_cart = next_cart + 1
    end
  end
end

-- Answers those who are signed out and those who were answered before; ends before the order that
-- would pass lines_max. Returns how many orders that is and the offers that the others name.
local function answer_early(batch)
  local ids, seen, left = {}, {}, 3 * batch.lines_max
  for i = 1, #batch.orders do
    local order, buyer = batch.orders[i], batch.buyers[i]
    local lines, size = lines_of(batch, order)
    left = left - max(3, size)
    if left < 0 and i > 1 then return i - 1, ids end
    local generation, has_card
    if buyer then generation, has_card = decode(buyer) end
    if not is_session(order[1], buyer and batch.rows[2 * i], order[2], generation, batch.now) then
      batch.answers[i] = problem('unauthenticated')
    else
      batch.answers[i] = replay(order, batch.rows[2 * i + 1],
        batch.refused_today[i] or batch.refused_before[i])
    end
    if not batch.answers[i] then
      order[9] = has_card == 1
      for k = 1, size, 3 do
        if not seen[lines[k]] then
          seen[lines[k]] = true
          ids[#ids + 1] = lines[k]
        end
      end
    end
  end
  return #batch.orders, ids
end

-- The offers named, and their manufacturers with the number of the entry that this batch adds.
local function read_stock(batch, ids)
  batch.ids, batch.offers = ids, read_offers(batch.cycle[1], ids)
  local makers, names, unoffered = {}, {}, {}
  for _, id in ipairs(ids) do
    local offer = batch.offers[id]
    if offer then
      local colon = id:find(':', 1, true)
      local name = id:sub(1, colon - 1)
      if not makers[name] then
        makers[name] = {name = name, rows = {}}
        names[#names + 1] = name
      end
      offer.sku, offer.maker = id:sub(colon + 1), makers[name]
    else
      unoffered[#unoffered + 1] = id
    end
  end
  for name, head in pairs(read_heads(names)) do
    makers[name].epoch, makers[name].number = head[1], head[2] + 1
  end
  local known = call_many('HMGET', 'names:{s0}', unoffered)
  for i, id in ipairs(unoffered) do batch.unknown[id] = not known[i] end
  batch.makers, batch.maker_names = makers, names
end

-- How many units more the customer may buy of the offer; nil without a cap.
local function allowed(batch, customer, id)
  if batch.units_cap == 0 then return nil end
  local key = customer .. ':' .. id
  local bought = batch.bought[key]
  if not bought then
    bought = tonumber(call('HGET', batch.bought_key, key) or 0)
    batch.bought[key] = bought
  end
  return max(0, batch.units_cap - bought)
end

-- The first line problem in the closed order, every line at fault as [offer, requested, available,
-- problem, ...], and what can be sold of those lines by their place; nothing where all is well.
local function judge(batch, order, lines, size)
  local worst, faults, saleable, any = nil, nil, nil, false
  for i = 1, size, 3 do
    local id, quantity = lines[i], lines[i + 1]
    local offer = batch.offers[id]
    local found, units = judge_line(offer, quantity, lines[i + 2], allowed(batch, order[2], id))
    any = any or units > 0
    if found then
      faults, saleable = faults or {}, saleable or {}
      worst, saleable[i] = min(worst or found, found), units
      local n = #faults
      faults[n + 1], faults[n + 2], faults[n + 3], faults[n + 4] =
        id, quantity, offer and offer.left or 0, found
    end
  end
  return worst, faults, saleable, any
end

-- Bought lines leave the cart, and so do those of which nothing is available (returned); a price
-- that has changed is from now on the one seen.
local function tidy_cart(batch, order, faults, bought)
  local cart, kept, removed, fault_of = batch.carts[order[2]], {}, {}, {}
  local changed = false
  for i = 1, #faults, 4 do fault_of[faults[i]] = i end
  for i = 1, #cart.lines, 3 do
    local id, quantity, seen = unpack(cart.lines, i, i + 2)
    local fault = fault_of[id]
    local gone = fault and faults[fault + 2] == 0
    if gone then removed[#removed + 1] = id end
    if fault and faults[fault + 3] == PRICE_CHANGED then
      seen, changed = batch.offers[id].price, true
    end
    if gone or (bought and (bought[i] or quantity) > 0) then
      changed = true
    else
      local n = #kept
      kept[n + 1], kept[n + 2], kept[n + 3] = id, quantity, seen
    end
  end
  if changed then cart.lines, cart.version, cart.changed = kept, cart.version + 1, true end
  return removed
end

local function count_demand(batch, faults)
  for i = 1, #faults, 4 do
    if faults[i + 3] >= SOLD_OUT then
      local offer = batch.offers[faults[i]]
      offer.refused, offer.changed = offer.refused + faults[i + 1] - faults[i + 2], true
    end
  end
end

local function refuse(batch, order, name, faults)
  local customer, removed, cart_version = order[2], nil, nil
  batch.refusals = batch.refusals or call('HLEN', batch.refusals_key)
  batch.refusals_before = batch.refusals_before or batch.refusals
  if batch.refusals >= batch.refusals_max then
    return problem('unavailable', 'too many refusals are on record')
  end
  if batch.per_minute_max > 0 then
    local key = 'minute:{s0}:' .. customer .. ':' .. text_of(floor(batch.now / 60000))
    local count = batch.minutes[key] or tonumber(call('GET', key) or 0)
    if count >= batch.per_minute_max then
      return problem('rate_limited', nil, nil, 60000 - batch.now % 60000)
    end
    batch.minutes[key] = count + 1
  end
  batch.refusals = batch.refusals + 1
  count_demand(batch, faults)
  if order[6] then
    removed = tidy_cart(batch, order, faults)
    cart_version = batch.carts[customer].version
  end
  local row = array(PROBLEM[name], faults, removed, cart_version)
  batch.refused[order[3]] = order[4] .. row
  return 'N' .. row
end

-- Sells each line, or as much of it as `saleable` says.
local function sell(batch, order, lines, size, faults, saleable)
  local customer, id = order[2], order[3]
  local parts, sold = {}, {}
  for i = 1, size, 3 do
    local units = saleable and saleable[i] or lines[i + 1]
    if units > 0 then
      local offer = batch.offers[lines[i]]
      local maker = offer.maker
      offer.sold, offer.left = offer.sold + units, offer.left - units
      offer.changed, offer.moved = true, true
      if maker.order ~= id then
        local n = #parts
        maker.order, maker.part = id, n / 3
        parts[n + 1], parts[n + 2], parts[n + 3] = maker.name, maker.epoch, maker.number
      end
      local n, rows = #sold, maker.rows
      sold[n + 1], sold[n + 2], sold[n + 3], sold[n + 4] = maker.part, offer.sku, units, offer.price
      n = #rows
      rows[n + 1], rows[n + 2], rows[n + 3], rows[n + 4], rows[n + 5] =
        id, offer.sku, units, offer.price, offer.left
      if batch.units_cap > 0 then
        local key = customer .. ':' .. lines[i]
        batch.bought[key] = batch.bought[key] + units
      end
    end
  end
  if order[6] then tidy_cart(batch, order, faults or {}, saleable or {}) end
  count_demand(batch, faults or {})
  local row = '\152'
    .. encode(order[4], customer, batch.now, batch.cycle[1], order[5], parts, sold, faults or {})
  batch.placed[id] = row
  batch.histories[customer] = (batch.histories[customer] or '') .. id
  return 'P' .. row
end

-- What is wrong with the lines before any stock is looked at, as an answer; nil for nothing.
local function check_lines(batch, lines, size)
  if size > 3 * LINES_MAX then return problem('too_many_lines') end
  local unknown, total = {}, 0
  for i = 1, size, 3 do
    local offer = batch.offers[lines[i]]
    if offer then total = total + offer.price * lines[i + 1] end
    if not offer and batch.unknown[lines[i]] then unknown[#unknown + 1] = lines[i] end
  end
  if #unknown > 0 then return problem('unknown_offer', nil, unknown) end
  if total > TOTAL_MAX then return problem('invalid', 'the total is too large') end
end

local function decide(batch, order)
  local said = replay(order, batch.placed[order[3]], batch.refused[order[3]])
  if said then return said end
  local lines, size = lines_of(batch, order)
  local fault = check_lines(batch, lines, size)
  if fault then return fault end
  if batch.stop_new then return problem('unavailable', 'memory is nearly full') end
  if not order[9] then return problem('card_required') end
  if batch.cycle[2] ~= OPEN then return refuse(batch, order, 'cycle_closed', {}) end
  if order[6] and order[6] ~= batch.carts[order[2]].version then
    return refuse(batch, order, 'cart_changed', {})
  end
  if size == 0 then return problem('invalid', 'the cart is empty') end
  local worst, faults, saleable, any = judge(batch, order, lines, size)
  if worst and (order[5] == 0 or not any) then
    return refuse(batch, order, OF_LINE[worst], faults)
  end
  return sell(batch, order, lines, size, faults, saleable)
end

-- Ledgers first: of all calls these could fail, where a ledger's head is not the one noted.
local function write_ledgers(batch)
  local heads, moved = {}, {}
  for _, name in ipairs(batch.maker_names) do
    local maker = batch.makers[name]
    if #maker.rows > 0 then
      add_to_ledger(name, maker.epoch, maker.number, LEDGER_SOLD, batch.now, batch.cycle[1],
        maker.rows)
      local n, m = #heads, #moved
      heads[n + 1], heads[n + 2] = name, encode(maker.epoch, maker.number)
      moved[m + 1], moved[m + 2], moved[m + 3] = name, maker.epoch, maker.number
    end
  end
  call_many('HSET', 'heads:{s0}', heads)
  return moved
end

local function write_stock(batch)
  local rows, feed = {}, {}
  for _, id in ipairs(batch.ids) do
    local offer = batch.offers[id]
    if offer and offer.changed then
      local n = #rows
      rows[n + 1], rows[n + 2] = id, to_row(offer)
      if offer.moved then
        n = #feed
        feed[n + 1], feed[n + 2], feed[n + 3] = id, offer.left, offer.price
      end
    end
  end
  call_many('HSET', stock_key(batch.cycle[1]), rows)
  return feed
end

local function write_orders(batch)
  local strings, refused, bought = {}, {}, {}
  for id, row in pairs(batch.placed) do
    local n = #strings
    strings[n + 1], strings[n + 2] = 'order:{s0}:' .. id, row
  end
  for customer, cart in pairs(batch.carts) do
    local n = #strings
    if cart.changed then strings[n + 1], strings[n + 2] = cart_key(customer), cart_row(cart) end
  end
  if #strings > 0 then call('MSET', unpack(strings)) end
  for customer, ids in pairs(batch.histories) do call('APPEND', 'orders:{s0}:' .. customer, ids) end
  for id, record in pairs(batch.refused) do
    refused[#refused + 1], refused[#refused + 2] = id, record
  end
  call_many('HSET', batch.refusals_key, refused)
  if #refused > 0 and batch.refusals_before == 0 then
    call('EXPIREAT', batch.refusals_key, text_of((batch.day + 2) * 86400))
  end
  for key, units in pairs(batch.bought) do
    if units > 0 then bought[#bought + 1], bought[#bought + 2] = key, text_of(units) end
  end
  call_many('HSET', batch.bought_key, bought)
  for key, count in pairs(batch.minutes) do call('SET', key, text_of(count), 'PX', 120000) end
end

local function open_batch(args)
  local options, now = decode_array(args[1]), now_ms()
  local lines_max, per_minute_max, refusals_max, units_cap, feed_max, stop_new =
    unpack(options, 1, 6)
  return {now = now, day = floor(now / 86400000), lines_max = lines_max, units_cap = units_cap,
    per_minute_max = per_minute_max, refusals_max = refusals_max, feed_max = text_of(feed_max),
    stop_new = stop_new == 1, refusals_key = 'refused:{s0}:' .. text_of(floor(now / 86400000)),
    orders = {}, answers = {}, carts = {}, placed = {}, refused = {}, histories = {}, bought = {},
    minutes = {}, unknown = {}}
end

register('place_orders_v1', function(args)
  local batch = open_batch(args)
  for i = 2, #args do
    local good, order = pcall(read_order, args[i])
    if not good and i == 2 then return {problem('malformed', 'not an order')} end
    if not good then break end -- It opens the next batch and is answered alone.
    batch.orders[i - 1] = order
  end
  read_records(batch)
  local taken, ids = answer_early(batch)
  read_stock(batch, ids)
  batch.bought_key = 'bought:{s0}:' .. batch.cycle[1]
  for i = 1, taken do
    batch.answers[i] = batch.answers[i] or decide(batch, batch.orders[i])
  end
  local moved = write_ledgers(batch)
  local feed = write_stock(batch)
  write_orders(batch)
  if #feed > 0 then add_to_feed(batch.feed_max, 's', encode(feed), 'm', encode(moved)) end
  return batch.answers
end)

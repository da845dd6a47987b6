-- place_orders_v1, continued from 60_read_batch.lua: judging, selling, and writing it all down.

-- How many units more the customer may buy of the offer.
local function allowed(batch, customer, id)
  local key = customer .. ':' .. id
  batch.bought[key] = batch.bought[key] or tonumber(call('HGET', batch.bought_key, key) or 0)
  return max(0, batch.units_cap - batch.bought[key])
end

-- Looks at all lines: an answer where they cannot be judged; else the first line problem in the
-- closed order, every line at fault as [offer, requested, available, problem, ...], how much of
-- each of those can be sold, by its place, and whether anything can. All nil where all is well.
local function judge(batch, order)
  local lines, offers, capped, total = order.lines, batch.offers, batch.units_cap > 0, 0
  local unknown, worst, faults, saleable, any
  for i = 1, order.size, 3 do
    local id, quantity = lines[i], lines[i + 1]
    local offer = offers[id]
    local found, units = judge_line(offer, quantity, lines[i + 2],
      capped and allowed(batch, order.customer, id))
    if offer then
      total = total + offer.price * quantity
    elseif batch.unknown[id] then
      unknown = unknown or {}
      push(unknown, id)
    end
    if found then
      faults, saleable = faults or {}, saleable or {}
      worst, saleable[i] = min(worst or found, found), units
      push(faults, id, quantity, offer and offer.left or 0, found)
    end
    any = any or units > 0
  end
  if order.size > 3 * LINES_MAX then return problem('too_many_lines') end
  if unknown then return problem('unknown_offer', nil, unknown) end
  if total > TOTAL_MAX then return problem('invalid', 'the total is too large') end
  return nil, worst, faults, saleable, any
end

-- Bought lines leave the cart, and so do those of which nothing is available; a price that has
-- changed is from now on the one seen. `saleable` is nil where nothing was bought.
local function tidy_cart(batch, order, faults, saleable)
  local cart, kept, fault_of, changed = batch.carts[order.customer], {}, {}, false
  for i = 1, #faults, 4 do fault_of[faults[i]] = i end
  for i = 1, #cart.lines, 3 do
    local id, quantity, seen = unpack(cart.lines, i, i + 2)
    local fault = fault_of[id]
    local gone = fault and faults[fault + 2] == 0
    if fault and faults[fault + 3] == PRICE_CHANGED then
      seen, changed = batch.offers[id].price, true
    end
    if gone or (saleable and (saleable[i] or quantity) > 0) then
      changed = true
    else
      push(kept, id, quantity, seen)
    end
  end
  if changed then cart.lines, cart.version, cart.changed = kept, cart.version + 1, true end
end

local function count_demand(batch, faults)
  for i = 1, #faults, 4 do
    if faults[i + 3] >= SOLD_OUT then
      local offer = batch.offers[faults[i]]
      offer.refused, offer.changed = offer.refused + faults[i + 1] - faults[i + 2], true
    end
  end
end

-- A problem where no more refusals may be recorded, in all or of this customer.
local function refusal_limit(batch, customer)
  if not batch.refusals then
    batch.refusals = call('HLEN', batch.refusals_key)
    batch.first_today = batch.refusals == 0
  end
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
end

local function refuse(batch, order, name, faults)
  local limit, cart = refusal_limit(batch, order.customer), batch.carts[order.customer]
  if limit then return limit end
  count_demand(batch, faults)
  if order.version then tidy_cart(batch, order, faults) end
  local row = array(PROBLEM[name], faults, order.version and cart.version)
  batch.refused[order.id] = order.fingerprint .. row
  return 'N' .. row
end

-- Sells each line, or as much of it as `saleable` says.
local function sell(batch, order, faults, saleable)
  local customer, id, lines, offers = order.customer, order.id, order.lines, batch.offers
  local parts, sold, part_count, count = nil, nil, 0, 0
  for i = 1, order.size, 3 do
    local units = saleable and saleable[i] or lines[i + 1]
    if units > 0 then
      local offer = offers[lines[i]]
      local maker, left = offer.maker, offer.left - units
      if maker.order ~= id then
        maker.order, maker.part = id, part_count
        parts = parts and parts .. maker.packed_part or maker.packed_part
        part_count = part_count + 1
      end
      local packed_left, row = integer(left), maker.count + 1
      local line = offer.sku .. integer(units) .. offer.packed_price
      offer.sold, offer.left, offer.packed_left = offer.sold + units, left, packed_left
      offer.changed = true
      maker.rows[row], maker.count = '\176' .. id .. line .. packed_left, row
      count = count + 1
      if count == 1 then
        sold = '\0' .. line
      else
        if count == 2 then sold = {sold} end
        sold[count] = integer(maker.part) .. line
      end
      if batch.units_cap > 0 then
        local key = customer .. ':' .. lines[i]
        batch.bought[key] = batch.bought[key] + units
      end
    end
  end
  if order.version then tidy_cart(batch, order, faults or NONE, saleable or NONE) end
  if faults then count_demand(batch, faults) end
  if count > 1 then sold = join(sold) end
  -- 0x98: eight values; 0xb0: a string of 16. replay() knows where the first two are.
  local row = '\152\176' .. order.fingerprint .. '\176' .. customer .. batch.stamp[order.mode]
    .. array_of(3 * part_count) .. parts .. array_of(4 * count) .. sold
    .. (faults and encode(faults) or '\144')
  local n = batch.placed_count + 1
  batch.placed_count, customers[n], ids[n] = n, customer, id
  strings[2 * n - 1], strings[2 * n] = order.key, row
  batch.placed[id] = row
  return 'P' .. row
end

local function decide(batch, order)
  local id, version = order.id, order.version
  local placed, refused = batch.placed[id], batch.refused[id]
  if placed or refused then return replay(order, placed, refused) end -- Earlier in this batch.
  if batch.cycle[1] == '' then return problem('unavailable', 'no cycle has been started') end
  local cart = version and batch.carts[order.customer]
  if cart then order.lines, order.size = cart.lines, #cart.lines end
  local fault, worst, faults, saleable, any = judge(batch, order)
  if fault then return fault end
  if cart and version == cart.version and order.size == 0 then
    return problem('invalid', 'The cart is empty.')
  end
  if batch.stop_new then return problem('unavailable', 'memory is nearly full') end
  if not order.has_card then return problem('card_required') end
  if batch.cycle[2] ~= OPEN or batch.now >= batch.cycle[4] then
    return refuse(batch, order, 'cycle_closed', NONE)
  end
  if cart and version ~= cart.version then return refuse(batch, order, 'cart_changed', NONE) end
  if worst and (order.mode == 0 or not any) then
    return refuse(batch, order, OF_LINE[worst], faults)
  end
  return sell(batch, order, faults, saleable)
end

-- Ledgers first: of all calls only these could fail.
local function write_ledgers(batch)
  local sellers, heads, moved, n = {}, {}, {}, 0
  local stamp = '\148' .. encode(LEDGER_SOLD, batch.now, batch.cycle[1])
  for i = 1, #batch.makers do
    local maker = batch.makers[i]
    if maker.count > 0 then
      maker.entry = stamp .. array_of(5 * maker.count) .. join(maker.rows, '', 1, maker.count)
      n = n + 1
      sellers[n], moved[n] = maker, maker.packed_part
      heads[2 * n - 1], heads[2 * n] = maker.name, maker.head
    end
  end
  add_entries(sellers, n)
  call_many('HSET', 'heads:{s0}', heads)
  return array_of(3 * n) .. join(moved)
end

local function write_stock(batch)
  local wanted, offers, n, m = batch.wanted, batch.offers, 0, 0
  for i = 1, #wanted do
    local offer = offers[wanted[i]]
    if offer and offer.changed then
      stock_rows[n + 1], n = wanted[i], n + 2
      stock_rows[n] = offer.fixed .. integer(offer.sold) .. integer(offer.refused)
      if offer.packed_left then
        m = m + 1
        feed_rows[m] = offer.packed_id .. offer.packed_left .. offer.packed_price
      end
    end
  end
  call_many('HSET', stock_key(batch.cycle[1]), stock_rows, n)
  return m > 0 and array_of(3 * m) .. join(feed_rows, '', 1, m)
end

local function write_orders(batch)
  local count, n, refused, bought = batch.placed_count, 2 * batch.placed_count, {}, {}
  for customer, cart in pairs(batch.carts) do
    if cart.changed then
      strings[n + 1], strings[n + 2], n = cart_key(customer), cart_row(cart), n + 2
    end
  end
  if n > 0 then call('MSET', unpack(strings, 1, n)) end
  for i = 1, count do call('APPEND', 'orders:{s0}:' .. customers[i], ids[i]) end
  for id, record in pairs(batch.refused) do push(refused, id, record) end
  call_many('HSET', batch.refusals_key, refused)
  if #refused > 0 and batch.first_today then
    call('EXPIREAT', batch.refusals_key, text_of((batch.day + 2) * 86400))
  end
  for key, units in pairs(batch.bought) do
    if units > 0 then push(bought, key, text_of(units)) end
  end
  call_many('HSET', batch.bought_key, bought)
  for key, count_now in pairs(batch.minutes) do
    call('SET', key, text_of(count_now), 'PX', 120000)
  end
end

local function open_batch(options)
  local now = now_ms()
  local day = floor(now / 86400000)
  local lines_max, per_minute_max, refusals_max, units_cap, feed_max, stop_new =
    unpack(options, 1, 6)
  return {now = now, day = day, lines_max = lines_max, units_cap = units_cap,
    per_minute_max = per_minute_max, refusals_max = refusals_max, feed_max = text_of(feed_max),
    stop_new = stop_new == 1, refusals_key = 'refused:{s0}:' .. text_of(day), answers = {},
    refused_today = NONE, refused_before = NONE, offers = {}, unknown = {}, carts = {},
    placed = {}, refused = {}, bought = {}, minutes = {}, placed_count = 0}
end

register('place_orders_v1', function(args)
  local batch = open_batch(decode_array(args[1]))
  order_count = 0
  pcall(read_orders, args) -- An order that is not well-formed opens a batch and is answered alone.
  if order_count == 0 then return {problem('malformed', 'not an order')} end
  read_records(batch)
  local stamp, answers = encode(batch.now, batch.cycle[1]), batch.answers
  batch.stamp = {[0] = stamp .. '\0', [1] = stamp .. '\1'}
  batch.bought_key = 'bought:{s0}:' .. batch.cycle[1]
  local taken, wanted = answer_early(batch)
  read_stock(batch, wanted)
  for i = 1, taken do answers[i] = answers[i] or decide(batch, orders[i]) end
  local moved, feed = write_ledgers(batch), write_stock(batch)
  write_orders(batch)
  if feed then add_to_feed(batch.feed_max, 's', feed, 'm', moved) end
  return answers
end)

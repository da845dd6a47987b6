-- place_orders_v1: the one place where goods are sold. One call is one batch: all that it needs is
-- read first, each order is judged in turn against tables in memory (so that it sees what those
-- before it took), and what came of it is written by a handful of commands.
--
-- Here CPU time counts, and goes to making strings and tables, growing tables, cmsgpack.pack and
-- commands. So rows are joined from pieces that are packed once, tables are kept from call to call
-- (always written before they are read), and there is one command for all orders, but for what is a
-- key of each customer.

local OF_LINE = {'offer_withdrawn', 'price_changed', 'limit_exceeded', 'insufficient_stock',
  'insufficient_stock'}
local NONE = {}
local orders, order_count = {}, 0
local offer_pool, keys, ids, customers, strings, stock_rows, feed_rows = {}, {}, {}, {}, {}, {}, {}

-- The body is [session, customer, order id, fingerprint, mode, cart version | nil, nil | lines].
-- Raises for anything else: so does comparing a number with a value of another type, or making a
-- key of a table.
local function read_order(bytes, order)
  local at, session, customer, id, fingerprint, mode, version = decode_some(bytes, 6, 1)
  local lines, size, named, offer, quantity, seen = nil, 0, nil, nil, nil, nil
  if byte(bytes, at + 1) == 0x93 then -- One line: decode would grow a table for it.
    at, offer, quantity, seen = decode_some(bytes, 3, at + 1)
    lines = {offer, quantity, seen}
  else
    at, lines = decode_some(bytes, 1, at)
  end
  if at ~= -1 or byte(bytes) ~= 0x97 or #session ~= 16 or #customer ~= 16 or #id ~= 16
    or #fingerprint ~= 16 or kind_of(customer) ~= 'string' or kind_of(fingerprint) ~= 'string'
    or (mode ~= 0 and mode ~= 1) or not version == not lines
    or (version and (version < 0 or version % 1 ~= 0)) then
    error()
  end
  while lines and lines[size + 1] do
    offer, quantity, seen = lines[size + 1], lines[size + 2], lines[size + 3]
    if kind_of(offer) ~= 'string' or #offer > 129 or quantity < 1 or quantity > QUANTITY_MAX
      or quantity % 1 ~= 0 or (seen and (seen < 0 or seen % 1 ~= 0)) then
      error()
    end
    if size > 0 then -- Two lines of one offer would each find what is left.
      named = named or {[lines[1]] = true}
      if named[offer] then error() end
      named[offer] = true
    end
    size = size + 3
  end
  if not version and size == 0 then error() end
  order.session, order.customer, order.id, order.fingerprint = session, customer, id, fingerprint
  order.mode, order.version, order.lines, order.size = mode, version, lines, size
  order.session_key, order.key = 'session:{s0}:' .. session, 'order:{s0}:' .. id
end

-- Fills `orders` up to the first body that is not an order.
local function read_orders(args)
  for i = 1, #args - 1 do
    orders[i] = orders[i] or {}
    read_order(args[i + 1], orders[i])
    order_count = i
  end
end

-- The answer given before to the same request.
local function replay(order, placed, refused)
  if placed then -- sell() puts both at a fixed place.
    local same = sub(placed, 3, 18) == order.fingerprint and sub(placed, 20, 35) == order.customer
    return same and 'p' .. placed or problem('idempotency_key_reused')
  end
  local same = sub(refused, 1, 16) == order.fingerprint
  return same and 'n' .. sub(refused, 17) or problem('idempotency_key_reused')
end

-- Sessions, buyers, records and carts of all orders, by one command for each kind.
local function read_records(batch)
  keys[1] = 'cycle:{s0}'
  for i = 1, order_count do
    local order = orders[i]
    keys[2 * i], keys[2 * i + 1] = order.session_key, order.key
    ids[i], customers[i] = order.id, order.customer
  end
  batch.rows = call('MGET', unpack(keys, 1, 2 * order_count + 1))
  batch.buyers = call('HMGET', 'buyer:{s0}', unpack(customers, 1, order_count))
  batch.cycle = batch.rows[1] and decode(batch.rows[1]) or {'', 0}
  local yesterday = 'refused:{s0}:' .. text_of(batch.day - 1)
  if call('EXISTS', batch.refusals_key, yesterday) > 0 then
    batch.refused_today = call('HMGET', batch.refusals_key, unpack(ids, 1, order_count))
    batch.refused_before = call('HMGET', yesterday, unpack(ids, 1, order_count))
  end
  for i = 1, order_count do
    local customer = orders[i].customer
    if orders[i].version and not batch.carts[customer] then
      batch.carts[customer] = to_cart(call('GET', cart_key(customer)))
    end
  end
end

-- Answers those who are signed out and those who were answered before; ends before the order that
-- would pass lines_max. Returns how many orders that is and the offers that the others name.
local function answer_early(batch)
  local buyers, rows, answers, offers = batch.buyers, batch.rows, batch.answers, batch.offers
  local refused_today, refused_before, now = batch.refused_today, batch.refused_before, batch.now
  local wanted, count, left = {}, 0, 3 * batch.lines_max
  for i = 1, order_count do
    local order, buyer, placed = orders[i], buyers[i], rows[2 * i + 1]
    local refused, generation, has_card = refused_today[i] or refused_before[i], nil, nil
    if order.version then order.lines = batch.carts[order.customer].lines end
    local lines, size = order.lines, order.version and #order.lines or order.size
    left = left - (size > 3 and size or 3)
    if left < 0 and i > 1 then return i - 1, wanted end
    if buyer then generation, has_card = decode(buyer) end
    if not is_session(order.session, buyer and rows[2 * i], order.customer, generation, now) then
      answers[i] = problem('unauthenticated')
    elseif placed or refused then
      answers[i] = replay(order, placed, refused)
    else
      answers[i], order.has_card = false, has_card == 1
      for k = 1, size, 3 do
        local id = lines[k]
        if offers[id] == nil then
          count = count + 1
          offers[id], wanted[count] = false, id
        end
      end
    end
  end
  return order_count, wanted
end

-- id -> {maker, packed sku, packed id}: taking ids apart is dear, and most come again. A maker is a
-- manufacturer with the ledger rows that this batch adds.
local parts_of_id, parts_count, makers = {}, 0, {}
local function take_apart(id)
  local colon = find(id, ':', 1, true)
  local name = sub(id, 1, colon - 1)
  makers[name] = makers[name] or {name = name, key = 'ledger:{s0}:' .. name, rows = {}, count = 0,
    part = 0, order = NONE, packed_part = '', id = '', head = '', batch = NONE}
  local parts = {makers[name], text(sub(id, colon + 1)), text(id)}
  parts_of_id[id], parts_count = parts, parts_count + 1
  return parts
end

-- The offers named, and their manufacturers with the number of the entry that this batch adds.
local function read_stock(batch, wanted)
  if parts_count > 4096 then parts_of_id, parts_count, makers = {}, 0, {} end
  local offers, batch_makers, names, unoffered = batch.offers, {}, {}, {}
  local rows = call_many('HMGET', stock_key(batch.cycle[1]), wanted)
  for i = 1, #wanted do
    local id, row = wanted[i], rows[i]
    if row then
      local offer, parts = offer_pool[i] or {}, parts_of_id[id] or take_apart(id)
      local at, price, stated, offered, cut = decode_some(row, 4)
      local _, sold, refused = decode_some(row, 2, at)
      local maker = parts[1]
      if maker.batch ~= batch then
        maker.batch, maker.count, maker.order = batch, 0, NONE
        batch_makers[#names + 1], names[#names + 1] = maker, maker.name
      end
      offer.price, offer.wanted, offer.sold, offer.refused = price, stated, sold, refused
      offer.left, offer.fixed = offered - cut - sold, sub(row, 1, at)
      offer.sku, offer.packed_id, offer.packed_price = parts[2], parts[3], integer(price)
      offer.maker, offer.changed, offer.packed_left = maker, false, false
      offers[id], offer_pool[i] = offer, offer
    else
      unoffered[#unoffered + 1] = id
    end
  end
  local heads = call_many('HMGET', 'heads:{s0}', names)
  for i = 1, #names do
    local maker, epoch, number = batch_makers[i], decode(heads[i])
    maker.id = text_of(epoch) .. '-' .. text_of(number + 1)
    maker.head = encode(epoch, number + 1)
    maker.packed_part = text(maker.name) .. maker.head
  end
  local known = call_many('HMGET', 'names:{s0}', unoffered)
  for i = 1, #unoffered do batch.unknown[unoffered[i]] = not known[i] end
  batch.wanted, batch.makers = wanted, batch_makers
end

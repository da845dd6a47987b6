-- Orders read again and cancelled. A row is written once; what moves is the status of its parts.

local PAID, IN_REALISATION, SHIPPED, DELIVERED, CANCELLED = 0, 1, 2, 3, 4
local PART_NAMES = {'paid', 'in realisation', 'shipped', 'delivered', 'cancelled'}
local PAGE_BYTES_MAX = 200 * 1024

-- [order id, row, [status of each part, ...]], and the statuses. `accepted` is a cache.
local function view_of(id, row, state, accepted)
  -- The array's first byte is skipped; the sixth value is [manufacturer, epoch, number, ...].
  local parts, statuses = select(7, decode_some(row, 6, 1)), state and decode(state) or {}
  for i = 1, #parts, 3 do
    local maker, epoch, number = unpack(parts, i, i + 2)
    if not accepted[maker] then
      local note = call('HGET', 'accepted:{s0}', maker)
      accepted[maker] = note and {decode(note)} or {0, 0}
    end
    local at, part = accepted[maker], (i + 2) / 3
    local taken_up = epoch < at[1] or (epoch == at[1] and number <= at[2])
    statuses[part] = statuses[part] or PAID
    if statuses[part] == PAID and taken_up then statuses[part] = IN_REALISATION end
  end
  return '\147' .. encode(id) .. row .. encode(statuses), statuses
end

local function read_order_rows(id)
  return unpack(call('MGET', 'order:{s0}:' .. id, 'orderstate:{s0}:' .. id))
end

register_signed_in('list_orders_v1', function(body)
  local customer, limit, before = body[2], body[3], body[4] or INTEGER_MAX
  if not is_integer(limit, 1, 1000) or not is_integer(before, 0, INTEGER_MAX) then
    return problem('malformed', 'list_orders_v1')
  end
  local key = 'orders:{s0}:' .. customer
  local last = min(before, call('STRLEN', key) / 16)
  local first = max(0, last - limit)
  local ids = last > 0 and call('GETRANGE', key, text_of(first * 16), text_of(last * 16 - 1)) or ''
  local views, bytes, accepted = {}, 0, {}
  for at = #ids - 15, 1, -16 do
    local id = ids:sub(at, at + 15)
    local row, state = read_order_rows(id)
    local view = view_of(id, row, state, accepted)
    bytes = bytes + #view
    if bytes > PAGE_BYTES_MAX and #views > 0 then break end
    views[#views + 1], last = view, last - 1
  end
  return 'O' .. array_of(#views + 1) .. encode(last > 0 and last or nil) .. join(views)
end, READS)

-- The row and the state of the order asked for, where it is the caller's.
local function find_order(body)
  if not is_bytes(body[3], 16) then return end
  local row, state = read_order_rows(body[3])
  if row and row:sub(20, 35) == body[2] then return row, state end
end

register_signed_in('get_order_v1', function(body)
  local row, state = find_order(body)
  return row and 'O' .. (view_of(body[3], row, state, {})) or problem('not_found')
end, READS)

-- Gives the units back; what a manufacturer has withdrawn meanwhile is not sold again, and what
-- counted towards a cap counts no more. Returns the fields to write and each ledger's rows.
local function put_back(id, customer, cycle, parts, sold)
  local ids, counted, stock, feed, bought, entries = {}, {}, {}, {}, {}, {}
  for i = 1, #sold, 4 do
    local offer_id = parts[3 * sold[i] + 1] .. ':' .. sold[i + 1]
    push(ids, offer_id)
    push(counted, customer .. ':' .. offer_id)
  end
  local offers = read_offers(cycle, ids)
  local counts = call_many('HMGET', 'bought:{s0}:' .. cycle, counted)
  for i = 1, #ids do
    local part, sku, units, price = unpack(sold, 4 * i - 3, 4 * i)
    local offer, maker = offers[ids[i]], parts[3 * part + 1]
    offer.sold = offer.sold - units
    level(offer)
    push(stock, ids[i], to_row(offer))
    push(feed, ids[i], shown_left(offer), offer.price)
    if counts[i] then push(bought, counted[i], text_of(max(0, counts[i] - units))) end
    entries[maker] = entries[maker] or {}
    push(entries[maker], id, sku, units, price, offer.offered, offer.cut, offer.left)
  end
  return stock, feed, bought, entries
end

register_signed_in('cancel_order_v1', function(body, args, now)
  local row, state = find_order(body)
  if not row or not to_integer(args[2]) then return problem('not_found') end
  local id, customer, cycle = body[3], body[2], current_cycle()
  local view, statuses = view_of(id, row, state, {})
  if statuses[1] == CANCELLED then return 'O' .. view end
  for _, status in ipairs(statuses) do
    if status ~= PAID then return problem('not_cancellable') end
  end
  local _, _, _, of_cycle, _, parts, sold = unpack(decode(row), 1, 7)
  if not cycle or cycle[1] ~= of_cycle or (cycle[2] ~= OPEN and cycle[2] ~= CLOSING) then
    return problem('not_cancellable', 'the cycle is closed')
  end
  local stock, feed, bought, entries = put_back(id, customer, of_cycle, parts, sold)
  local names, makers, heads, moved, cancelled = {}, {}, {}, {}, {}
  for name in pairs(entries) do push(names, name) end
  for name, head in pairs(read_heads(names)) do
    local epoch, number = head[1], head[2] + 1
    push(makers, {key = 'ledger:{s0}:' .. name, id = text_of(epoch) .. '-' .. text_of(number),
      entry = array(LEDGER_CANCELLED, now, of_cycle, entries[name])})
    push(heads, name, encode(epoch, number))
    push(moved, name, epoch, number)
    push(cancelled, CANCELLED)
  end
  add_entries(makers, #makers)
  call_many('HSET', 'heads:{s0}', heads)
  call_many('HSET', stock_key(of_cycle), stock)
  call_many('HSET', 'bought:{s0}:' .. of_cycle, bought)
  call('SET', 'orderstate:{s0}:' .. id, encode(cancelled))
  add_to_feed(args[2], 's', encode(feed), 'm', encode(moved), 'o', '1')
  return 'O' .. (view_of(id, row, encode(cancelled), {}))
end)

-- A manufacturer moves its part of an order on: in_realisation -> shipped -> delivered.
register('step_part_v1', function(args)
  local maker, id, status, feed_max = args[1], args[2], to_integer(args[3]), args[4]
  if not is_bytes(id, 16) or not status or status < SHIPPED or status > DELIVERED
    or not to_integer(feed_max) then
    return problem('malformed', 'step_part_v1 manufacturer order status feed_max')
  end
  local row, state = read_order_rows(id)
  local part, of_cycle, _, parts
  if row then
    _, _, _, of_cycle, _, parts = unpack(decode(row), 1, 6)
    for i = 1, #parts, 3 do part = parts[i] == maker and (i + 2) / 3 or part end
  end
  if not part then return problem('not_found', 'no part of this order is yours') end
  local _, statuses = view_of(id, row, state, {})
  if statuses[part] == status then return DONE end
  if statuses[part] ~= status - 1 then
    return problem('invalid',
      'its part is ' .. PART_NAMES[statuses[part] + 1] .. ', not ' .. PART_NAMES[status])
  end
  local moved, head, now = {}, read_heads({maker})[maker], now_ms()
  for i = 1, #parts / 3 do -- What accepting moves stays for it to move.
    moved[i] = i == part and status or statuses[i] >= SHIPPED and statuses[i] or PAID
  end
  local added, why = add_to_ledger(maker, head, LEDGER_STATE, now, of_cycle, {id, status})
  if not added then return problem('unavailable', why) end
  call('SET', 'orderstate:{s0}:' .. id, encode(moved))
  add_to_feed(feed_max, 'm', encode({maker, unpack(head)}))
  return DONE
end, READS)

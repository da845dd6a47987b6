-- Orders read again and cancelled. A row is written once; what moves is its parts' status.

local PAID, IN_REALISATION, CANCELLED = 0, 1, 4
local PAGE_BYTES_MAX = 200 * 1024

-- [order id, row, [status of each part, ...]], and the statuses. `accepted` is a cache.
local function view_of(id, row, state, accepted)
  local statuses, parts = {}, {}
  -- 0x98 is skipped; the sixth value is [manufacturer, epoch, number, ...].
  parts = select(7, cmsgpack.unpack_limit(row, 6, 1))
  if state then statuses = decode(state) end
  for i = 1, #parts, 3 do
    local maker, part = parts[i], (i + 2) / 3
    if accepted[maker] == nil then
      local note = call('HGET', 'accepted:{s0}', maker)
      accepted[maker] = note and {decode(note)} or {0, 0}
    end
    local at = accepted[maker]
    if not statuses[part] or statuses[part] == PAID then
      local before = parts[i + 1] < at[1] or (parts[i + 1] == at[1] and parts[i + 2] <= at[2])
      statuses[part] = before and IN_REALISATION or PAID
    end
  end
  return '\147' .. encode(id) .. row .. encode(statuses), statuses
end

register_signed_in('list_orders_v1', function(body)
  local customer, limit, before = body[2], body[3], body[4]
  if not is_integer(limit, 1, 1000) or (before and not is_integer(before, 0, INTEGER_MAX)) then
    return problem('malformed', 'list_orders_v1')
  end
  local key = 'orders:{s0}:' .. customer
  local last = min(before or INTEGER_MAX, call('STRLEN', key) / 16)
  local ids = call('GETRANGE', key, text_of(max(0, last - limit) * 16), text_of(last * 16 - 1))
  if last == 0 then ids = '' end
  local views, bytes, accepted = {}, 0, {}
  for at = #ids - 15, 1, -16 do
    local id = ids:sub(at, at + 15)
    local rows = call('MGET', 'order:{s0}:' .. id, 'orderstate:{s0}:' .. id)
    local view = view_of(id, rows[1], rows[2], accepted)
    bytes = bytes + #view
    if bytes > PAGE_BYTES_MAX and #views > 0 then break end
    views[#views + 1], last = view, last - 1
  end
  local count = #views + 1
  return 'O\220' .. char(floor(count / 256), count % 256) .. encode(last > 0 and last or nil)
    .. join(views)
end, READS)

-- The row and state of the order asked for, where it is the caller's.
local function find_order(body)
  if not is_bytes(body[3], 16) then return end
  local rows = call('MGET', 'order:{s0}:' .. body[3], 'orderstate:{s0}:' .. body[3])
  if rows[1] and rows[1]:sub(20, 35) == body[2] then return rows[1], rows[2] end
end

register_signed_in('get_order_v1', function(body)
  local row, state = find_order(body)
  if not row then return problem('not_found') end
  return 'O' .. (view_of(body[3], row, state, {}))
end, READS)

-- Gives the units back; what a manufacturer has withdrawn meanwhile is not sold again.
local function put_back(batch, id, order, parts, sold)
  local ids, stock, feed = {}, {}, {}
  for i = 1, #sold, 4 do ids[#ids + 1] = parts[3 * sold[i] + 1] .. ':' .. sold[i + 1] end
  local offers = read_offers(order[4], ids)
  for i, offer_id in ipairs(ids) do
    local offer, maker = offers[offer_id], parts[3 * sold[4 * i - 3] + 1]
    local sku, units, price = unpack(sold, 4 * i - 2, 4 * i)
    offer.sold = offer.sold - units
    level(offer)
    stock[#stock + 1], stock[#stock + 2] = offer_id, to_row(offer)
    for _, value in ipairs({offer_id, offer.left, offer.price}) do feed[#feed + 1] = value end
    batch[maker] = batch[maker] or {}
    for _, value in ipairs({id, sku, units, price, offer.offered, offer.cut, offer.left}) do
      batch[maker][#batch[maker] + 1] = value
    end
  end
  return stock, feed
end

-- What of the order counted towards a cap on units counts no more.
local function bought_after(customer, order)
  local fields, changed = {}, {}
  for i = 1, #order[7], 4 do
    push(fields, customer .. ':' .. order[6][3 * order[7][i] + 1] .. ':' .. order[7][i + 1])
  end
  local counts = call_many('HMGET', 'bought:{s0}:' .. order[4], fields)
  for i = 1, #fields do
    if counts[i] then push(changed, fields[i], text_of(counts[i] - order[7][4 * i - 1])) end
  end
  return changed
end

register_signed_in('cancel_order_v1', function(body, args, now)
  local row, state = find_order(body)
  if not row or not to_integer(args[2]) then return problem('not_found') end
  local id = body[3]
  local view, statuses = view_of(id, row, state, {})
  if statuses[1] == CANCELLED then return 'O' .. view end
  local order, cycle = decode(row), current_cycle()
  for _, status in ipairs(statuses) do
    if status ~= PAID then return problem('not_cancellable') end
  end
  if not cycle or cycle[1] ~= order[4] or cycle[2] ~= OPEN then
    return problem('not_cancellable', 'the cycle is closed')
  end
  local parts, entries, moved, names, cancelled = order[6], {}, {}, {}, {}
  local stock, feed = put_back(entries, id, order, parts, order[7])
  for i = 1, #parts, 3 do
    names[#names + 1], cancelled[#cancelled + 1] = parts[i], CANCELLED
  end
  local heads, bought = read_heads(names), bought_after(body[2], order)
  for _, name in ipairs(names) do
    local epoch, number = heads[name][1], heads[name][2] + 1
    add_to_ledger(name, epoch, number, LEDGER_CANCELLED, now, order[4], entries[name])
    call('HSET', 'heads:{s0}', name, encode(epoch, number))
    for _, value in ipairs({name, epoch, number}) do moved[#moved + 1] = value end
  end
  call_many('HSET', stock_key(order[4]), stock)
  call_many('HSET', 'bought:{s0}:' .. order[4], bought)
  call('SET', 'orderstate:{s0}:' .. id, encode(cancelled))
  add_to_feed(args[2], 's', encode(feed), 'm', encode(moved))
  return 'O' .. (view_of(id, row, encode(cancelled), {}))
end)

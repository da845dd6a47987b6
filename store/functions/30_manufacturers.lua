-- Manufacturers: who they are, what they offer, how far their sales are accepted, the catalogue.

local ROWS_MAX = 200 -- of one offer record
local EPOCH_MAX = 99999999999999 -- that others name; behind it there must be room for the next
local ENTRY_ROWS_MAX = 500 -- of a ledger or feed entry: 75 KB at most, and a message takes 1 MiB

register('hello_v1', function(args)
  local id, name, open, feed_max = args[1], args[2], args[3], args[6]
  local at_epoch, at_number = to_integer(args[4]) or -1, to_integer(args[5]) or -1
  if not is_name_part(id) or not is_text(name, 200) or not to_integer(feed_max) then
    return problem('malformed', 'hello_v1 manufacturer name open epoch number feed_max')
  end
  local cycle, cycle_row = current_cycle()
  if not cycle then return problem('unavailable', 'no cycle has been started') end
  local now, row = now_ms(), call('HGET', 'manufacturers:{s0}', id)
  if not row and open ~= '1' and call('HEXISTS', 'enrolled:{s0}', id) == 0 then
    return problem('forbidden', 'unknown manufacturer ' .. id .. '; see depot manufacturer add')
  end
  local known_name, agent_epoch, last = nil, 0, 0
  if row then known_name, agent_epoch, last = decode(row) end
  local head = read_heads({id})[id] or {0, 0}
  local epoch, number = unpack(head)
  if at_epoch > max(EPOCH_MAX, epoch) then return problem('malformed', 'ledger epoch') end
  if epoch == 0 or at_epoch > epoch or (at_epoch == epoch and at_number > number) then
    -- What the manufacturer has above our head was lost with an older state of the data. Entry 0
    -- of the next epoch names the last number before it.
    head = {max(epoch, at_epoch) + 1, -1}
    local added, why = add_to_ledger(id, head, LEDGER_EPOCH, now, cycle[1], {epoch, number})
    if not added then return problem('unavailable', why) end
  end
  if name ~= known_name then
    call('HSET', 'manufacturers:{s0}', id, encode(name, agent_epoch, last))
    add_to_feed(feed_max, 'c', '1', 'w', array(id, name))
  end
  return 'O\150' .. encode(store_id(now)) .. cycle_row .. encode(agent_epoch, last, unpack(head))
end)

-- The rows of an offer record as {offer id -> {sku, name, price, wanted}} and the ids in order; nil
-- and the reason for a record that is not well-formed.
local function read_offer_rows(manufacturer, flat)
  local rows, ids = {}, {}
  if type(flat) ~= 'table' or #flat % 4 ~= 0 or #flat > 4 * ROWS_MAX then return nil, 'rows' end
  for i = 1, #flat, 4 do
    local sku, name, price, wanted = unpack(flat, i, i + 3)
    local id = is_name_part(sku) and manufacturer .. ':' .. sku
    if not id or rows[id] then return nil, 'sku of row ' .. text_of((i + 3) / 4) end
    if name == '' then name = nil end -- What it is called already.
    if (name and not is_text(name, 200)) or not is_integer(price, 1, PRICE_MAX)
      or not is_integer(wanted, 0, min(UNITS_MAX, floor(WORTH_MAX / price))) then
      return nil, 'offer ' .. id
    end
    ids[#ids + 1], rows[id] = id, {sku = sku, name = name, price = price, wanted = wanted}
  end
  return rows, ids
end

-- Takes over what `rows` says of `ids`, which are at most ENTRY_ROWS_MAX; or the problem and why.
local function apply_offers(manufacturer, cycle, rows, ids, now, feed_max)
  local offers, names = read_offers(cycle, ids), call_many('HMGET', 'names:{s0}', ids)
  local stock, feed, entry, named = {}, {}, {}, {}
  for i, id in ipairs(ids) do
    local row, offer = rows[id], offers[id]
    local renamed = not offer or (row.name and row.name ~= names[i])
    if renamed then push(named, id, row.name or names[i] or row.sku) end
    if not offer or offer.price ~= row.price or offer.wanted ~= row.wanted then
      offer = offer or {offered = 0, cut = 0, sold = 0, refused = 0}
      offer.price, offer.wanted = row.price, row.wanted
      level(offer)
      if offer.offered > INTEGER_MAX then return 'invalid', 'too many units of ' .. id end
      push(stock, id, to_row(offer))
      push(entry, row.sku, offer.wanted, offer.price, offer.offered, offer.cut, offer.left)
      renamed = true
    end
    -- Who names states the stock too.
    if renamed then push(feed, id, shown_left(offer), offer.price) end
  end
  if #feed == 0 then return end
  local head = read_heads({manufacturer})[manufacturer] or {0, -1} -- which none takes
  if #entry > 0 then
    local added, why = add_to_ledger(manufacturer, head, LEDGER_OFFER, now, cycle, entry)
    if not added then return 'unavailable', why end
  end
  call_many('HSET', stock_key(cycle), stock)
  call_many('HSET', 'names:{s0}', named)
  add_to_feed(feed_max, 's', encode(feed), 'm', encode({manufacturer, unpack(head)}), 'o', '1',
    unpack(#named > 0 and {'c', '1', 'n', encode(named)} or {}))
end

-- A new agent epoch begins with a snapshot: what it does not name is no longer offered. One of a
-- single record ends here; of a longer one the agent states as 0 what it no longer offers, since
-- its next records name what this one does not. No fault can come of it: nothing grows.
local function withdraw_unnamed(manufacturer, cycle, named, now, feed_max)
  local prefix, left_out = manufacturer .. ':', {}
  for _, id in ipairs(call('HKEYS', stock_key(cycle))) do
    if id:sub(1, #prefix) == prefix and not named[id] then push(left_out, id) end
  end
  table.sort(left_out)
  for first = 1, #left_out, ENTRY_ROWS_MAX do
    local ids = {unpack(left_out, first, min(first + ENTRY_ROWS_MAX - 1, #left_out))}
    local rows = read_offers(cycle, ids)
    for id, row in pairs(rows) do row.sku, row.wanted = id:sub(#prefix + 1), 0 end
    local fault, why = apply_offers(manufacturer, cycle, rows, ids, now, feed_max)
    if fault then return fault, why end
  end
end

register('offer_v1', function(args)
  local manufacturer, epoch, number = args[1], to_integer(args[2]), to_integer(args[3])
  local record, feed_max, whole = args[4] and decode_array(args[4]), args[5], args[6]
  if not record or not epoch or not number or not to_integer(feed_max) then
    return problem('malformed', 'offer_v1 manufacturer epoch number record feed_max whole')
  end
  local row, cycle = call('HGET', 'manufacturers:{s0}', manufacturer), current_cycle()
  if not row or not cycle then return problem('not_found', 'no hello came first') end
  local name, known_epoch, last = decode(row)
  if epoch > max(EPOCH_MAX, known_epoch + 1) then return problem('malformed', 'agent epoch') end
  local verdict = epoch < known_epoch and 4 or 0
  if epoch == known_epoch and number ~= last + 1 then verdict = number <= last and 1 or 2 end
  if epoch > known_epoch and number > 1 then verdict = 2 end
  if verdict > 0 then return 'O' .. array(verdict, known_epoch, last) end
  local rows, ids = read_offer_rows(manufacturer, record[2])
  if not rows then return problem('malformed', ids) end
  if record[1] ~= cycle[1] or cycle[2] > CLOSING then
    verdict = 3 -- Of a past cycle: the agent says its totals again for the next one.
  else
    local now = now_ms()
    local fault, why = apply_offers(manufacturer, cycle[1], rows, ids, now, feed_max)
    if fault then return problem(fault, why) end
    if epoch > known_epoch and known_epoch > 0 and #ids < ROWS_MAX then
      fault, why = withdraw_unnamed(manufacturer, cycle[1], rows, now, feed_max)
      if fault then return problem(fault, why) end
    end
    if whole == '1' and cycle[2] == COLLECTING then
      call('HSET', 'answered:{s0}', manufacturer, cycle[1])
    end
  end
  call('HSET', 'manufacturers:{s0}', manufacturer, encode(name, epoch, number))
  return 'O' .. array(verdict, epoch, number)
end)

register('accept_v1', function(args)
  local manufacturer, epoch, number = args[1], to_integer(args[2]), to_integer(args[3])
  local head = manufacturer and read_heads({manufacturer})[manufacturer]
  if not head or not epoch or not number then return problem('not_found', 'no such ledger') end
  local row, old_epoch, old_number = call('HGET', 'accepted:{s0}', manufacturer), 0, 0
  if row then old_epoch, old_number = decode(row) end
  local forward = epoch > old_epoch or (epoch == old_epoch and number > old_number)
  local known = epoch < head[1] or (epoch == head[1] and number <= head[2])
  if forward and known then call('HSET', 'accepted:{s0}', manufacturer, encode(epoch, number)) end
  return DONE
end)

-- A page of a scan of the hash `first` and then of `second`, as the arguments (cursor, count) say:
-- where to go on, names and values, the key scanned. "0" begins and ends; nil: no such arguments.
local function scan_both(args, first, second)
  local from, count = args[1] == '0' and 'm0' or args[1] or '', to_integer(args[2])
  local kind, cursor = from:match('^([mn])(%d+)$')
  if not cursor or not to_integer(cursor) or not count or count < 1 or count > ARGUMENTS_MAX then
    return
  end
  local key = kind == 'm' and first or second
  local after, scanned = unpack(call('HSCAN', key, cursor, 'COUNT', args[2]))
  if after ~= '0' then after = kind .. after elseif kind == 'm' then after = 'n0' end
  return after, scanned, key
end

-- In pages: the manufacturers, then the offers.
register('catalogue_v1', function(args)
  local cycle, cycle_row = current_cycle()
  if not cycle then return problem('unavailable', 'no cycle has been started') end
  local after, scanned, key = scan_both(args, 'manufacturers:{s0}', 'names:{s0}')
  if not after then return problem('malformed', 'catalogue_v1 cursor count') end
  local ids, items, makers = {}, {}, {}
  for i = 1, #scanned, 2 do
    if key == 'names:{s0}' then
      push(ids, scanned[i])
    else
      push(makers, scanned[i], (decode(scanned[i + 1])))
    end
  end
  local offers = read_offers(cycle[1], ids)
  for i, id in ipairs(ids) do
    local offer = offers[id] or {price = 0, left = 0, wanted = 0}
    push(items, id, scanned[2 * i], offer.price, offer.left, offer.wanted == 0)
  end
  return 'O\147' .. encode(after, feed_number()) .. '\147' .. encode(items, makers) .. cycle_row
end, {'no-writes'})

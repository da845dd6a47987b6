-- Enrolled manufacturers: whom the operator has given a token, and what they read of their own.

local OFFERS_MAX = 100 -- asked for at once, and rows of a page of sales
local LOOK_AT = 50 -- ledger entries that are read at once
local LOOK_MAX = 1000 -- and for one page: between two sales may lie many offers

-- renew: "1" where it has to be enrolled, else it must not be. Answers whether it was so.
register('enrol_v1', function(args)
  local id, name, secret = unpack(args, 1, 3)
  if not is_name_part(id) or not fits({name, secret}, 200, 16) then
    return problem('malformed', 'enrol_v1 manufacturer name secret renew')
  end
  local row = call('HGET', 'enrolled:{s0}', id)
  local good = not row == (args[4] ~= '1')
  if good then
    local since = row and select(3, decode(row)) or now_ms()
    call('HSET', 'enrolled:{s0}', id, encode(name, secret, since))
  end
  return 'O' .. encode(good)
end)

-- What it offered and sold stays; so does its name, which customers know it by.
register('unenrol_v1', function(args)
  return 'O' .. encode(call('HDEL', 'enrolled:{s0}', args[1] or '') == 1)
end)

-- In pages: those who said HELLO, then those who are enrolled; who is both comes twice.
register('list_manufacturers_v1', function(args)
  local after, scanned, key = scan_both(args, 'manufacturers:{s0}', 'enrolled:{s0}')
  if not after then return problem('malformed', 'list_manufacturers_v1 cursor count') end
  local ids, rows = {}, {}
  for i = 1, #scanned, 2 do push(ids, scanned[i]) end
  local heads = read_heads(ids)
  for i, id in ipairs(ids) do
    local name, _, since = decode(scanned[2 * i])
    push(rows, id, name, key == 'enrolled:{s0}' and since, unpack(heads[id] or {0, 0}))
  end
  return 'O\146' .. encode(after, rows)
end, {'no-writes'})

-- A function with the first argument [manufacturer, hash of its token's secret, ...]; `run(body,
-- name)` is called for one that is enrolled with that secret.
local function register_enrolled(function_name, run)
  register(function_name, function(args)
    local body = args[1] and decode_array(args[1])
    if not body or not is_name_part(body[1]) or not is_bytes(body[2], 16) then
      return problem('malformed', function_name)
    end
    local row = call('HGET', 'enrolled:{s0}', body[1])
    local name, secret = decode(row or '\192')
    if secret ~= body[2] then return problem('unauthenticated') end
    return run(body, name) or problem('malformed', function_name)
  end, {'no-writes'})
end

-- How the offers asked for stand in the current cycle; those that it does not have are left out.
register_enrolled('manufacturer_offers_v1', function(body, name)
  local ids, cycle, rows, prefix = body[3], current_cycle(), {}, body[1] .. ':'
  if type(ids) ~= 'table' or #ids > OFFERS_MAX then return end
  for i = 1, #ids do -- Nobody else's.
    if type(ids[i]) ~= 'string' or sub(ids[i], 1, #prefix) ~= prefix then return end
  end
  local offers = cycle and read_offers(cycle[1], ids) or {}
  for _, id in ipairs(ids) do
    local o = offers[id]
    if o then push(rows, id, o.price, o.wanted, o.offered, o.cut, o.sold, o.refused) end
  end
  return 'O\146' .. encode(name, rows)
end)

-- Newest first, the rows that were sold or cancelled before the position `at` = {epoch, number,
-- row}; and the position to go on from, nil at the end.
local function read_sales(key, at, limit)
  local rows, looked, bytes, from, upto = {}, 0, 0, '+', INTEGER_MAX
  if at then from, upto = text_of(at[1]) .. '-' .. text_of(at[2]), at[3] end
  while true do
    local entries = call('XREVRANGE', key, from, '-', 'COUNT', LOOK_AT)
    for _, found in ipairs(entries) do
      local epoch, number, entry = found[1]:match('(%d+)-(%d+)')
      epoch, number, entry = tonumber(epoch), tonumber(number), found[2][2]
      local kind = byte(entry, 2)
      if kind == LEDGER_SOLD or kind == LEDGER_CANCELLED then
        local _, time, _, flat = unpack(decode(entry))
        local width = kind == LEDGER_SOLD and 5 or 7
        for row = min(#flat / width, upto - 1), 1, -1 do
          if #rows == 8 * limit then return rows, at end
          local first = (row - 1) * width + 1 -- Order, sku, quantity, price; then what was left.
          push(rows, epoch, number, kind, time, unpack(flat, first, first + 3))
          at = {epoch, number, row}
        end
      end
      at, upto, from, bytes = {epoch, number, 1}, INTEGER_MAX, '(' .. found[1], bytes + #entry
    end
    looked = looked + LOOK_AT
    if #entries < LOOK_AT then return rows end
    if looked >= LOOK_MAX or bytes > PAGE_BYTES_MAX then return rows, at end
  end
end

register_enrolled('manufacturer_sales_v1', function(body)
  local limit, at = body[3], body[4]
  if not is_integer(limit, 1, OFFERS_MAX) then return end
  for i = 1, at and 3 or 0 do
    if type(at) ~= 'table' or not is_integer(at[i], 0, INTEGER_MAX) then return end
  end
  local rows, after = read_sales('ledger:{s0}:' .. body[1], at, limit)
  return 'O\146' .. encode(after) .. encode(rows)
end)

-- Its statements, of the cycles before the one named or of all, newest first; of each the sums.
register_enrolled('manufacturer_statements_v1', function(body)
  local limit, before, cycles, rows, last = body[3], body[4], {}, {}, nil
  if not is_integer(limit, 1, OFFERS_MAX) or (before and not is_name_part(before)) then return end
  for i, row in ipairs(call('HVALS', 'cycles:{s0}')) do cycles[i] = decode(row) end
  table.sort(cycles, function(a, b) return a[4] > b[4] or (a[4] == b[4] and a[1] > b[1]) end)
  for _, cycle in ipairs(cycles) do
    if before then
      if cycle[1] == before then before = nil end
    else
      local units, gross, fee, net, agrees = sums_of(cycle[1], body[1])
      if units and #rows == 7 * limit then return 'O\146' .. encode(last, rows) end
      if units then
        push(rows, cycle[1], cycle[2], units, gross, fee, net, agrees)
        last = cycle[1]
      end
    end
  end
  return 'O\146' .. encode(nil, rows)
end)

-- A piece of its pack, from that byte on: an answer has no room for all of a large one.
register_enrolled('manufacturer_statement_v1', function(body)
  local id, first = body[3], body[4]
  if not is_name_part(id) or not is_integer(first, 0, INTEGER_MAX) then return end
  local key = pack_key(id, body[1])
  local size = call('STRLEN', key)
  if size == 0 then return problem('not_found') end
  local piece = call('GETRANGE', key, text_of(first), text_of(first + PAGE_BYTES_MAX - 1))
  return 'O\149' .. answer_of(id, body[1]) .. encode(size, piece)
end)

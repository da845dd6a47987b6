-- Carts: cart:{s0}:<customer> = [version, [last 8 request ids], [offer, quantity, price seen,
-- ...]]. A version never returns: an emptied cart is kept.

local function cart_key(customer) return 'cart:{s0}:' .. customer end

local function to_cart(row)
  local cart = row and decode(row) or {0, {}, {}}
  return {version = cart[1], requests = cart[2], lines = cart[3]}
end

local function cart_row(cart) return '\147' .. encode(cart.version, cart.requests, cart.lines) end

local function offers_now(ids) return read_offers((current_cycle() or {''})[1], ids) end

-- The cart with every line re-checked.
local function cart_reply(cart)
  local lines, ids, flat = cart.lines, {}, {}
  for i = 1, #lines, 3 do push(ids, lines[i]) end
  local offers = offers_now(ids)
  for i = 1, #lines, 3 do
    local id, quantity, seen = unpack(lines, i, i + 2)
    local offer = offers[id] or {price = seen, left = 0}
    local found = judge_line(offers[id], quantity, seen)
    push(flat, id, quantity, seen, offer.price, offer.left, found or 0)
  end
  return 'O\146' .. encode(cart.version, flat)
end

-- 'add', 'set' or 'remove', done to the line of the body [.., .., request id, offer, quantity].
local function register_change(name, change)
  register_signed_in(name, function(body, args)
    local _, customer, request, id, quantity = unpack(body, 1, 5)
    local lines_max, quantity_max = to_integer(args[2]), to_integer(args[3])
    if not fits({request, id}, 16, 129) or not lines_max or not quantity_max then
      return problem('malformed', name)
    end
    local cart = to_cart(call('GET', cart_key(customer)))
    local lines, at = cart.lines, #cart.lines + 1
    for _, before in ipairs(cart.requests) do
      if before == request then return cart_reply(cart) end -- A retried attempt.
    end
    for i = 1, #lines, 3 do
      if lines[i] == id then at = i end
    end
    if change == 'remove' then
      for _ = 1, lines[at] and 3 or 0 do table.remove(lines, at) end
    else
      if not is_integer(quantity, 1, quantity_max) then return problem('invalid', 'quantity') end
      if call('HEXISTS', 'names:{s0}', id) == 0 then return problem('unknown_offer', nil, {id}) end
      local offer = offers_now({id})[id]
      local wanted = (change == 'add' and lines[at + 1] or 0) + quantity
      local found = judge_line(offer, wanted)
      if found then
        local why = found == WITHDRAWN and 'offer_withdrawn' or 'insufficient_stock'
        return 'N' .. array(PROBLEM[why], {id, wanted, offer and offer.left or 0, found}, nil)
      end
      if wanted > quantity_max then return problem('invalid', 'quantity') end
      if at > 3 * lines_max then return problem('too_many_lines') end
      lines[at], lines[at + 1], lines[at + 2] = id, wanted, offer.price
    end
    cart.version = cart.version + 1
    push(cart.requests, request)
    if #cart.requests > 8 then table.remove(cart.requests, 1) end
    call('SET', cart_key(customer), cart_row(cart))
    return cart_reply(cart)
  end)
end

register_change('add_cart_line_v1', 'add')
register_change('set_cart_line_v1', 'set')
register_change('remove_cart_line_v1', 'remove')

register_signed_in('get_cart_v1', function(body)
  return cart_reply(to_cart(call('GET', cart_key(body[2]))))
end, READS)

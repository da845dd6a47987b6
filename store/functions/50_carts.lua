-- Carts: cart:{s0}:<customer> = [version, [last 8 request ids], [offer, quantity, seen_price, ...]].
-- A version never returns: an emptied cart is kept.

local function cart_key(customer) return 'cart:{s0}:' .. customer end

local function to_cart(row)
  local cart = row and decode(row) or {0, {}, {}}
  return {version = cart[1], requests = cart[2], lines = cart[3]}
end

local function cart_row(cart) return '\147' .. encode(cart.version, cart.requests, cart.lines) end

local function offers_of(cart)
  local ids = {}
  for i = 1, #cart.lines, 3 do ids[#ids + 1] = cart.lines[i] end
  return ids
end

-- The cart with every line re-checked.
local function cart_reply(cart, offers)
  local lines, flat = cart.lines, {}
  offers = offers or read_offers((current_cycle() or {''})[1], offers_of(cart))
  for i = 1, #lines, 3 do
    local offer = offers[lines[i]]
    local found = judge_line(offer, lines[i + 1], lines[i + 2])
    for _, value in ipairs({lines[i], lines[i + 1], lines[i + 2],
      offer and offer.price or lines[i + 2], offer and offer.left or 0, found or 0}) do
      flat[#flat + 1] = value
    end
  end
  return 'O\146' .. encode(cart.version, flat)
end

-- Replaces the three values of the line with this offer, or adds them, or takes them out (nil).
local function set_line(cart, offer, quantity, price)
  local at = #cart.lines + 1
  for i = 1, #cart.lines, 3 do
    if cart.lines[i] == offer then at = i end
  end
  if quantity then
    cart.lines[at], cart.lines[at + 1], cart.lines[at + 2] = offer, quantity, price
  elseif at <= #cart.lines then
    for _ = 1, 3 do table.remove(cart.lines, at) end
  end
end

local function quantity_of(cart, offer)
  for i = 1, #cart.lines, 3 do
    if cart.lines[i] == offer then return cart.lines[i + 1] end
  end
  return 0
end

-- `change` adds to, sets or removes the line [.., .., request id, offer, quantity] of the body.
local function register_change(name, change)
  register_signed_in(name, function(body, args)
    local _, customer, request, id, quantity = unpack(body, 1, 5)
    local lines_max, quantity_max = to_integer(args[2]), to_integer(args[3])
    if not is_bytes(request, 16) or not is_text(id, 129) or not lines_max or not quantity_max then
      return problem('malformed', name)
    end
    local cart = to_cart(call('GET', cart_key(customer)))
    for _, before in ipairs(cart.requests) do
      if before == request then return cart_reply(cart) end -- A retried attempt.
    end
    local had = quantity_of(cart, id)
    if change ~= 'remove' then
      if not is_integer(quantity, 1, quantity_max) then return problem('invalid', 'quantity') end
      if call('HEXISTS', 'names:{s0}', id) == 0 then return problem('unknown_offer', nil, {id}) end
      local offer = read_offers((current_cycle() or {''})[1], {id})[id]
      local wanted = change == 'add' and had + quantity or quantity
      local found = judge_line(offer, wanted)
      if found then
        return 'N' .. array(PROBLEM[found == WITHDRAWN and 'offer_withdrawn'
          or 'insufficient_stock'], {id, wanted, offer and offer.left or 0, found}, nil, nil)
      end
      if wanted > quantity_max then return problem('invalid', 'quantity') end
      if had == 0 and #cart.lines >= 3 * lines_max then return problem('too_many_lines') end
      set_line(cart, id, wanted, offer.price)
    else
      set_line(cart, id)
    end
    cart.version = cart.version + 1
    cart.requests[#cart.requests + 1] = request
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

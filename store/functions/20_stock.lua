-- Offers: what is for sale, and the one rule that moves it. offered = available + sold + cut for
-- every offer at every moment; available is derived and never stored.

local function stock_key(cycle) return 'stock:{s0}:' .. cycle end

-- id -> offer for those of `ids` that were offered in the cycle.
local function read_offers(cycle, ids)
  local offers, rows = {}, call_many('HMGET', stock_key(cycle), ids)
  for i = 1, #ids do
    if rows[i] then
      local price, wanted, offered, cut, sold, refused = decode(rows[i])
      offers[ids[i]] = {price = price, wanted = wanted, offered = offered, cut = cut, sold = sold,
        refused = refused, left = offered - cut - sold}
    end
  end
  return offers
end

local function to_row(offer)
  return encode(offer.price, offer.wanted, offer.offered, offer.cut, offer.sold, offer.refused)
end

-- After an offer and after a cancellation: what is on sale follows what the manufacturer wants, but
-- never below what is sold.
local function level(offer)
  local target, net = max(offer.wanted, offer.sold), offer.offered - offer.cut
  if target > net then offer.offered = offer.offered + target - net end
  if target < net then offer.cut = offer.cut + net - target end
  offer.left = target - offer.sold
end

-- What the public is told to be available of it; -1 says that it is withdrawn.
local function shown_left(offer) return offer.wanted == 0 and -1 or offer.left end

-- Why a line cannot be sold as it stands (protocol/problem.hpp), or nil; and how much of it can.
local WITHDRAWN, PRICE_CHANGED, LIMIT, SOLD_OUT, SHORT = 1, 2, 3, 4, 5
local function judge_line(offer, quantity, seen_price, allowed)
  if not offer or offer.wanted == 0 then return WITHDRAWN, 0 end
  if seen_price and seen_price ~= offer.price then return PRICE_CHANGED, 0 end
  local left = offer.left
  if allowed and allowed < quantity then return LIMIT, min(allowed, left) end
  if quantity <= left then return nil, quantity end
  return left == 0 and SOLD_OUT or SHORT, left
end

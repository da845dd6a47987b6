#!lua name=shop
-- The shop of the peers on Redis: one call is one purchase. It reads and judges first and then
-- writes; each answer is one line, which clients read in one go.
--
--   session:<hash>       customer id                customer:<id>  email, password, names, card
--   offer:<id>           price, available           email:<email>  customer id
--   order:<id>           'P' or 'N', fingerprint, customer, time, offer, quantity, price or
--                        available, total           (the order's id stands for its idempotency key)
--   orders:<customer>    its orders' ids            ledger:<manufacturer>  a stream of what it sold

local SESSION_SECONDS, REFUSAL_SECONDS = 86400, 172800
local call, pack, unpack_record -- While a library loads, Redis gives it register_function only.
local function register(name, run)
  redis.register_function(name, function(_, args)
    if not call then
      call, pack, unpack_record = redis.call, cmsgpack.pack, cmsgpack.unpack
    end
    return {ok = run(unpack(args))}
  end)
end

-- An answer: the verdict ('P' placed, 'N' refused; small when given again), and price and time, or
-- what is available.
local function replay(record, fingerprint, customer)
  local verdict, of, owner, at, _, _, number = unpack_record(record)
  if of ~= fingerprint or owner ~= customer then return 'idempotency_key_reused' end
  return string.format('%s %d %d', verdict == 'P' and 'p' or 'n', number, at)
end

register('purchase', function(session, customer, id, fingerprint, offer, quantity)
  local records = call('MGET', 'session:' .. session, 'order:' .. id)
  if records[1] ~= customer then return 'unauthenticated' end
  if records[2] then return replay(records[2], fingerprint, customer) end
  local row = call('HMGET', 'offer:' .. offer, 'price', 'available')
  if not row[1] then return 'unknown_offer' end
  if call('HEXISTS', 'customer:' .. customer, 'card') == 0 then return 'card_required' end
  local price, available, units = tonumber(row[1]), tonumber(row[2]), tonumber(quantity)
  local time = call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  if available < units then
    call('SET', 'order:' .. id, pack('N', fingerprint, customer, now, offer, units, available, 0),
      'EX', REFUSAL_SECONDS)
    return string.format('N %d %d', available, now)
  end
  local total, colon = price * units, string.find(offer, ':', 1, true)
  local left = call('HINCRBY', 'offer:' .. offer, 'available', -units)
  call('SET', 'order:' .. id, pack('P', fingerprint, customer, now, offer, units, price, total))
  call('RPUSH', 'orders:' .. customer, id)
  call('XADD', 'ledger:' .. string.sub(offer, 1, colon - 1), '*', 'e',
    pack(id, string.sub(offer, colon + 1), units, price, left))
  return string.format('P %d %d', price, now)
end)

register('create_account', function(session, customer, email, password, first, last)
  if call('SETNX', 'email:' .. email, customer) == 0 then return 'email_taken' end
  call('HSET', 'customer:' .. customer, 'email', email, 'password', password, 'first', first,
    'last', last)
  call('SET', 'session:' .. session, customer, 'EX', SESSION_SECONDS)
  return 'done'
end)

-- Who it is; the password is compared by log_in.
register('find_login', function(email)
  return call('GET', 'email:' .. email) or 'unauthenticated'
end)

register('log_in', function(session, customer, password)
  if call('HGET', 'customer:' .. customer, 'password') ~= password then return 'unauthenticated' end
  call('SET', 'session:' .. session, customer, 'EX', SESSION_SECONDS)
  return 'done'
end)

register('put_card', function(session, customer, card)
  if call('GET', 'session:' .. session) ~= customer then return 'unauthenticated' end
  call('HSET', 'customer:' .. customer, 'card', card)
  return 'done'
end)

register('readiness', function() return 'ready' end)

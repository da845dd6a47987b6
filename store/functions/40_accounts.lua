-- Accounts, log-ins and sessions. account:{s0}:<customer> = [email, password hash, first name, last
-- name, card or false, created_ms]; buyer:{s0} holds what a purchase needs to know of it.

local function account_key(customer) return 'account:{s0}:' .. customer end
local function read_account(customer) return decode(call('GET', account_key(customer))) end
local function write_account(customer, row) call('SET', account_key(customer), encode(row)) end

local function read_buyer(customer) return decode(call('HGET', 'buyer:{s0}', customer)) end
local function write_buyer(customer, generation, has_card)
  call('HSET', 'buyer:{s0}', customer, encode(generation, has_card))
end

local function owner_of(email) return call('HGET', 'emails:{s0}', email:lower()) end

local function account_reply(account)
  local card = account[5]
  return 'O' .. array(account[1], account[3], account[4], card and {unpack(card, 1, 4)} or nil)
end

-- What failed log-ins are counted by: the account from one address, the address, and the account
-- from anywhere. The last does not keep out who comes from an address that its owner has logged in
-- from: else whoever guesses from many would lock the owner out.
local function attempt_keys(email, address)
  email = email:lower()
  return {'attempts:{s0}:b:' .. address .. ' ' .. email, 'attempts:{s0}:a:' .. address,
    'attempts:{s0}:e:' .. email}
end
local function known_key(customer, address) return 'known:{s0}:' .. customer .. ':' .. address end

-- A problem where one of the keys has as many failures as its maximum.
local function throttled(keys, maxima)
  for i, maximum in ipairs(maxima) do
    local key = keys[i]
    if tonumber(call('GET', key) or 0) >= maximum then
      return problem('rate_limited', nil, nil, max(1, call('PTTL', key)))
    end
  end
end

-- The same of a log-in, whose maxima are the last three of `args`.
local function throttled_login(customer, email, address, args)
  local maxima = {to_integer(args[#args - 2]), to_integer(args[#args - 1]), to_integer(args[#args])}
  if not maxima[1] or not maxima[2] or not maxima[3] then
    return problem('malformed', 'account_max address_max anywhere_max')
  end
  if customer and call('EXISTS', known_key(customer, address)) == 1 then maxima[3] = nil end
  return throttled(attempt_keys(email, address), maxima)
end

local function count_failure(keys, window)
  for _, key in ipairs(keys) do
    if call('INCR', key) == 1 then call('PEXPIRE', key, window) end
  end
end

-- That an e-mail is taken says that it has an account: who is told so is counted by the address,
-- and learns nothing beyond the maximum, neither of one that is free.
local function told_key(address) return 'attempts:{s0}:t:' .. address end
local function throttled_asker(address, counted, window, maximum)
  if not fits({address}, 64) or not to_integer(window) or not to_integer(maximum) then
    return problem('malformed', 'address window_ms told_max')
  end
  return counted and throttled({told_key(address)}, {to_integer(maximum)})
end
local function taken(address, counted, window, request)
  if counted then count_failure({told_key(address)}, window) end
  return keep_answer(request, problem('email_taken'))
end

register('check_sign_up_v1', function(args)
  if not fits(args, 16, 254) then return problem('malformed', 'check_sign_up_v1') end
  if owner_of(args[2]) == args[1] then return DONE end -- A retried attempt.
  return throttled_asker(args[3], true, '1', args[4]) or DONE
end, {'no-writes'})

register('create_account_v2', function(args)
  local body = args[1] and decode_array(args[1])
  local idle, longest, known_for = to_integer(args[2]), to_integer(args[3]), to_integer(args[7])
  if not body or not fits(body, 16, 16, 254, 200, 200, 200) or not idle or not longest
    or not known_for then
    return problem('malformed', 'create_account_v2')
  end
  local customer, session, email, hash, first, last, address, counted = unpack(body, 1, 8)
  local owner, kept = owner_of(email), kept_answer(args[4])
  if owner == customer then return DONE end -- A retried attempt.
  if kept then return kept end
  local limit = throttled_asker(address, counted, args[5], args[6])
  if limit then return limit end
  if owner or call('EXISTS', account_key(customer)) == 1 then
    return taken(address, counted, args[5], args[4])
  end
  local now = now_ms()
  call('HSET', 'emails:{s0}', email:lower(), customer)
  write_account(customer, {email, hash, first, last, false, now})
  write_buyer(customer, 1, 0)
  write_session(session, customer, 1, now + longest, now, idle)
  call('SET', known_key(customer, address), '', 'PX', known_for)
  return DONE
end)

register('find_login_v1', function(args)
  if #args ~= 5 or not fits(args, 254, 64) then
    return problem('malformed', 'find_login_v1 email address account_max address_max anywhere_max')
  end
  local customer = owner_of(args[1])
  local limit = throttled_login(customer, args[1], args[2], args)
  if limit then return limit end
  return customer and 'O' .. array(customer, read_account(customer)[2]) or DONE
end, {'no-writes'})

register('log_in_v1', function(args)
  local session, customer, email, address, right = unpack(args, 1, 5)
  local window, idle, longest = to_integer(args[6]), to_integer(args[7]), to_integer(args[8])
  local known_for = to_integer(args[10])
  if not is_bytes(session, 16) or not fits({email, address}, 254, 64) or not longest or not idle
    or not window or not known_for or #args ~= 13 then
    return problem('malformed', 'log_in_v1')
  end
  local kept = kept_answer(args[9])
  if kept then return kept end -- Counted already.
  -- Again: of many guesses at once, those beyond the maximum learn nothing, also the right one.
  local limit = throttled_login(customer, email, address, args)
  if limit then return limit end
  local buyer, attempts = call('HGET', 'buyer:{s0}', customer), attempt_keys(email, address)
  if right ~= '1' or not buyer then
    count_failure(attempts, args[6])
    return keep_answer(args[9], problem('unauthenticated'))
  end
  local now = now_ms()
  call('DEL', attempts[1])
  call('SET', known_key(customer, address), '', 'PX', known_for)
  write_session(session, customer, (decode(buyer)), now + longest, now, idle)
  return 'O' .. encode(customer)
end)

register_signed_in('log_out_v1', function(body, args)
  call('DEL', 'session:{s0}:' .. body[1])
  return keep_answer(args[2], DONE)
end, READS, true)

-- With the id of an order whose lines cannot be judged: is its key one that was used?
register_signed_in('check_session_v1', function(body, _, now)
  local id, today = body[3], floor(now / 86400000)
  local used = id and (call('EXISTS', 'order:{s0}:' .. id) == 1
    or call('HEXISTS', 'refused:{s0}:' .. text_of(today), id) == 1
    or call('HEXISTS', 'refused:{s0}:' .. text_of(today - 1), id) == 1)
  return used and problem('idempotency_key_reused') or DONE
end, READS)

register_signed_in('get_account_v1', function(body)
  return account_reply(read_account(body[2]))
end, READS)

-- Wrong passwords are counted by the session: whoever has got hold of one cannot guess by this
-- door, nor keep the owner, who has another, from it.
local function wrong_key(session) return 'attempts:{s0}:s:' .. session end
local function throttled_password(session, account_max)
  local maximum = to_integer(account_max)
  if not maximum then return problem('malformed', 'account_max') end
  return throttled({wrong_key(session)}, {maximum})
end

register('find_password_v1', function(args)
  local kept = kept_answer(args[3])
  if kept then return 'P' .. kept end
  if not fits(args, 16, 16) or not is_signed_in(args[1], args[2], now_ms()) then
    return problem('unauthenticated')
  end
  return throttled_password(args[1], args[4]) or 'O' .. encode(read_account(args[2])[2])
end, READS)

-- This and the two that follow judge again: of many guesses at once, those beyond the maximum learn
-- nothing, also the right one.
register('wrong_password_v1', function(args)
  local kept = kept_answer(args[3])
  if kept then return kept end
  if not fits(args, 16, 16) or not to_integer(args[4])
    or not is_signed_in(args[1], args[2], now_ms()) then
    return problem('unauthenticated')
  end
  local limit = throttled_password(args[1], args[5])
  if limit then return limit end
  count_failure({wrong_key(args[1])}, args[4])
  return keep_answer(args[3], problem('forbidden', 'The current password is not right.'))
end)

register_signed_in('change_account_v2', function(body, args, now)
  local session, customer, first, last, email, hash, _, address, counted = unpack(body, 1, 9)
  local account = read_account(customer)
  local limit = (email or hash) and throttled_password(session, args[3])
  if limit then return limit end
  local changed = {email or account[1], hash or account[2], first or account[3],
    last or account[4], account[5], account[6]}
  if not fits(changed, 254, 200, 200, 200) then return problem('malformed', 'account') end
  local owner = owner_of(changed[1])
  if owner ~= customer then
    limit = throttled_asker(address, counted, args[4], args[5])
    if limit then return limit end
    if owner then return taken(address, counted, args[4], args[2]) end
    call('HDEL', 'emails:{s0}', account[1]:lower())
    call('HSET', 'emails:{s0}', email:lower(), customer)
  end
  if hash then -- Ends every session but the one that asks.
    local generation, has_card = read_buyer(customer)
    local _, _, ends_at, _, idle = decode(call('GET', 'session:{s0}:' .. session))
    write_buyer(customer, generation + 1, has_card)
    write_session(session, customer, generation + 1, ends_at, now, idle)
  end
  write_account(customer, changed)
  return keep_answer(args[2], account_reply(changed))
end, nil, true)

-- The orders stay, under an id that nobody can be found by any more.
register_signed_in('delete_account_v1', function(body, args)
  local limit = throttled_password(body[1], args[3])
  if limit then return limit end
  call('HDEL', 'emails:{s0}', read_account(body[2])[1]:lower())
  call('HDEL', 'buyer:{s0}', body[2])
  call('DEL', account_key(body[2]), 'cart:{s0}:' .. body[2], 'session:{s0}:' .. body[1])
  return keep_answer(args[2], DONE)
end, READS, true)

local function set_card(customer, card)
  local account, generation = read_account(customer), read_buyer(customer)
  account[5] = card
  write_account(customer, account)
  write_buyer(customer, generation, card and 1 or 0)
  return DONE
end

register_signed_in('put_card_v1', function(body)
  local _, customer, brand, last4, month, year, token = unpack(body, 1, 7)
  if not fits({brand, last4, token}, 32, 4, 64) or not is_integer(month, 1, 12)
    or not is_integer(year, 2000, 9999) then
    return problem('malformed', 'card')
  end
  return set_card(customer, {brand, last4, month, year, token})
end)

register_signed_in('delete_card_v1', function(body) return set_card(body[2], false) end, READS)

-- What all functions share. A function reads and judges everything first, and then writes by calls
-- that cannot fail: Redis does not roll back. docs/STORE.md names keys, rows and answers.

local ARGUMENTS_MAX = 1000 -- of one call; unpack() fails near 8,000 values
local LINES_MAX = 1024 -- of an order or a cart
local QUANTITY_MAX = 1000000
local PRICE_MAX = 100000000
local UNITS_MAX = 1000000000000 -- offered of one offer
local INTEGER_MAX = 9000000000000000 -- exact in a double
local TOTAL_MAX = 1000000000000000 -- of an order, in minor units
local DONE = 'O\192' -- "O" and nil
local OPEN = 2 -- protocol/cycles.hpp
local LEDGER_EPOCH, LEDGER_OFFER, LEDGER_SOLD, LEDGER_CANCELLED = 0, 1, 2, 3 -- protocol/sync.hpp
local PROBLEM = { -- protocol/problem.hpp
  malformed = 1, unauthenticated = 3, card_required = 4, forbidden = 5, not_found = 6,
  email_taken = 8, insufficient_stock = 9, price_changed = 10, offer_withdrawn = 11,
  limit_exceeded = 12, cart_changed = 13, cycle_closed = 14, not_cancellable = 15, invalid = 18,
  unknown_offer = 19, too_many_lines = 20, idempotency_key_reused = 21, rate_limited = 22,
  unavailable = 25,
}

-- While a library loads, Redis gives it register_function and nothing else: these are bound by the
-- first call.
local call, encode, decode, decode_some, join, floor, min, max, byte, char, find, sub, kind_of
local function register(name, run, flags)
  redis.register_function{function_name = name, flags = flags or {}, callback = function(_, args)
    if not call then
      call, encode, decode, decode_some = redis.call, cmsgpack.pack, cmsgpack.unpack,
        cmsgpack.unpack_limit
      floor, min, max, join = math.floor, math.min, math.max, table.concat
      byte, char, find, sub, kind_of = string.byte, string.char, string.find, string.sub, type
    end
    return run(args)
  end}
end

-- A msgpack array of at most 15 values, nil among them (a Lua table cannot hold nil).
local function array(...) return char(0x90 + select('#', ...)) .. encode(...) end

local function problem(name, detail, offers, retry_after_ms)
  return 'X' .. array(PROBLEM[name], detail, offers, retry_after_ms)
end

local function text_of(integer) return string.format('%d', integer) end

local function now_ms()
  local time = call('TIME')
  return time[1] * 1000 + floor(time[2] / 1000)
end

-- The one msgpack array in `bytes`, or nil. pcall: decode raises on bytes that are not msgpack.
local function decode_array(bytes)
  local good, value, more = pcall(decode, bytes)
  if good and more == nil and type(value) == 'table' then return value end
end

local function is_bytes(value, size) return type(value) == 'string' and #value == size end

local function is_text(value, size_max)
  return type(value) == 'string' and #value >= 1 and #value <= size_max and not value:find('%c')
end

local function is_integer(value, low, high)
  return type(value) == 'number' and value >= low and value <= high and value % 1 == 0
end

local function is_name_part(value)
  return type(value) == 'string' and #value <= 64 and value:find('^[%w._-]+$') ~= nil
end

-- Pieces of msgpack, where encode would take longer: small integers are remembered.
local small = {}
local function integer(n)
  local packed = small[n]
  if packed then return packed end
  if n < 128 then
    packed = char(n)
    small[n] = packed
    return packed
  elseif n < 65536 then
    return char(0xcd, n / 256, n % 256)
  elseif n < 4294967296 then
    return char(0xce, n / 16777216, n / 65536 % 256, n / 256 % 256, n % 256)
  end
  return encode(n)
end

local small_arrays = {}
local function array_of(count)
  local head = small_arrays[count]
  if head then return head end
  if count >= 16 then return char(0xdc, count / 256, count % 256) end
  small_arrays[count] = char(0x90 + count)
  return small_arrays[count]
end

local function text(value)
  return #value < 32 and char(0xa0 + #value) .. value or encode(value)
end

local function push(list, ...)
  local n = #list
  for i = 1, select('#', ...) do list[n + i] = (select(i, ...)) end
end

-- An argument as a number, or nil. tonumber alone would take 1e3, 0x10 and " 7".
local function to_integer(text)
  if text and #text <= 15 and text:find('^%d+$') then return tonumber(text) end
end

-- call(name, key, values...) in calls of at most ARGUMENTS_MAX values; replies joined. Takes the
-- first `count` values, all by default.
local function call_many(name, key, values, count)
  count = count or #values
  if count == 0 then return {} end
  if count <= ARGUMENTS_MAX then return call(name, key, unpack(values, 1, count)) end
  local joined = {}
  for first = 1, count, ARGUMENTS_MAX do
    local last = min(first + ARGUMENTS_MAX - 1, count)
    local reply = call(name, key, unpack(values, first, last))
    if type(reply) == 'table' then
      for i = 1, last - first + 1 do joined[first + i - 1] = reply[i] end
    end
  end
  return joined
end

local function current_cycle()
  local row = call('GET', 'cycle:{s0}')
  if row then return decode(row), row end
end

-- The rest: field, value, ... as docs/STORE.md names them.
local function add_to_feed(feed_max, ...)
  call('XADD', 'feed:{s0}', 'MAXLEN', '~', feed_max, '1-*', ...)
end

local function feed_number()
  local newest = call('XREVRANGE', 'feed:{s0}', '+', '-', 'COUNT', '1')[1]
  return newest and tonumber(newest[1]:sub(3)) or -1
end

local function add_to_ledger(manufacturer, epoch, number, kind, now, cycle, rows)
  call('XADD', 'ledger:{s0}:' .. manufacturer, text_of(epoch) .. '-' .. text_of(number), 'e',
    array(kind, now, cycle, rows))
end

local function write_session(session, customer, generation, ends_at, now, idle)
  call('SET', 'session:{s0}:' .. session, encode(customer, generation, ends_at, now, idle), 'PX',
    text_of(max(1, min(idle, ends_at - now))))
end

-- True where `row` is a session of this customer and no password change has ended it. The idle time
-- begins anew at most once a minute: reading is to stay reading.
local function is_session(session, row, customer, generation, now)
  if not row then return false end
  local owner, of_generation, ends_at, refreshed_at, idle = decode(row)
  if owner ~= customer or of_generation ~= generation then return false end
  if now - refreshed_at > min(idle / 4, 60000) then
    write_session(session, customer, generation, ends_at, now, idle)
  end
  return true
end

-- A function with the first argument [session, customer, ...]; `run(body, args, now)` is called for
-- a customer who is signed in.
local function register_signed_in(name, run, flags)
  register(name, function(args)
    local body = args[1] and decode_array(args[1])
    if not body or not is_bytes(body[1], 16) or not is_bytes(body[2], 16) then
      return problem('malformed', name .. ': no session and customer')
    end
    local now = now_ms()
    local buyer = call('HGET', 'buyer:{s0}', body[2])
    local session = buyer and call('GET', 'session:{s0}:' .. body[1])
    if not buyer or not is_session(body[1], session, body[2], (decode(buyer)), now) then
      return problem('unauthenticated')
    end
    return run(body, args, now)
  end, flags)
end

-- Reading goes on when memory is full; the flag is for the sessions that it refreshes.
local READS = {'allow-oom'}

-- What all functions share. A function reads and judges everything first, and then writes by calls
-- that cannot fail: Redis does not roll back. docs/STORE.md names keys, rows and answers.

local ARGUMENTS_MAX = 1000 -- of one call; unpack() fails near 8,000 values
local LINES_MAX = 1024 -- of an order or a cart
local QUANTITY_MAX = 1000000
local PRICE_MAX = 100000000
local UNITS_MAX = 1000000000000 -- offered of one offer
local WORTH_MAX = 100000000000000 -- of one offer: base/money.hpp says why
local INTEGER_MAX = 9000000000000000 -- exact in a double
local TOTAL_MAX = 1000000000000000 -- of an order, in minor units
local DONE = 'O\192' -- "O" and nil
local PLANNED, COLLECTING, OPEN, CLOSING = 0, 1, 2, 3 -- protocol/cycles.hpp
local CLOSED, SETTLING, SETTLED = 4, 5, 6
local LEDGER_EPOCH, LEDGER_OFFER, LEDGER_SOLD, LEDGER_CANCELLED = 0, 1, 2, 3 -- protocol/sync.hpp
local LEDGER_STATE, LEDGER_CYCLE = 4, 5
local PROBLEM = { -- protocol/problem.hpp
  malformed = 1, unauthenticated = 3, card_required = 4, forbidden = 5, not_found = 6,
  email_taken = 8, insufficient_stock = 9, price_changed = 10, offer_withdrawn = 11,
  limit_exceeded = 12, cart_changed = 13, cycle_closed = 14, not_cancellable = 15, invalid = 18,
  unknown_offer = 19, too_many_lines = 20, idempotency_key_reused = 21, rate_limited = 22,
  unavailable = 25,
}
local READS = {'allow-oom'} -- Reading goes on when memory is full; it may refresh a session.

-- While a library loads, Redis gives it register_function and nothing else: these are bound by the
-- first call.
local call, try, encode, decode, decode_some, join, floor, min, max, byte, char, find, sub, kind_of
local function register(name, run, flags)
  redis.register_function{function_name = name, flags = flags or {}, callback = function(_, args)
    if not call then
      call, try, encode, decode = redis.call, redis.pcall, cmsgpack.pack, cmsgpack.unpack
      decode_some, join, kind_of = cmsgpack.unpack_limit, table.concat, type
      floor, min, max = math.floor, math.min, math.max
      byte, char, find, sub = string.byte, string.char, string.find, string.sub
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

local function push(list, ...)
  local n = #list
  for i = 1, select('#', ...) do list[n + i] = (select(i, ...)) end
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

-- Whether the first values are texts of at most so many bytes, or of exactly 16 where 16 is said.
local function fits(values, ...)
  for i, size in ipairs({...}) do
    if not (size == 16 and is_bytes or is_text)(values[i], size) then return false end
  end
  return true
end

local function is_integer(value, low, high)
  return type(value) == 'number' and value >= low and value <= high and value % 1 == 0
end

local function is_name_part(value)
  return type(value) == 'string' and #value <= 64 and value:find('^[%w._-]+$') ~= nil
end

-- An argument as a number, or nil. tonumber alone would take 1e3, 0x10 and " 7".
local function to_integer(value)
  if value and #value <= 15 and value:find('^%d+$') then return tonumber(value) end
end

-- Pieces of msgpack, where encode would take longer.
local small_integers, small_arrays = {}, {}
local function integer(n)
  local packed = small_integers[n]
  if packed then return packed end
  if n < 128 then
    small_integers[n] = char(n)
    return small_integers[n]
  elseif n < 65536 then
    return char(0xcd, n / 256, n % 256)
  elseif n < 4294967296 then
    return char(0xce, n / 16777216, n / 65536 % 256, n / 256 % 256, n % 256)
  end
  return encode(n)
end

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

-- call(name, key, values...) of the first `count` values (all, by default) in calls of at most
-- ARGUMENTS_MAX; a table of what they answered.
local function call_many(name, key, values, count)
  count = count or #values
  if count > 0 and count <= ARGUMENTS_MAX then return call(name, key, unpack(values, 1, count)) end
  local joined = {}
  for first = 1, count, ARGUMENTS_MAX do
    local last = min(first + ARGUMENTS_MAX - 1, count)
    local reply = call(name, key, unpack(values, first, last))
    for i = 1, type(reply) == 'table' and last - first + 1 or 0 do
      joined[first + i - 1] = reply[i]
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

-- What the operator has to see to, the worst first: control/cycle_rows.hpp. The first and the last
-- are of a cycle's settlement, and stand until it is mended or resolved.
local NO_STATEMENT, CLOSED_LEDGER, DISAGREES = 0, 1, 2
local KIND_WEIGHT = 10000000000000 -- ms, behind every time: the order of troubled:{s0}

-- name: <cycle>:<manufacturer> of a settlement, :<manufacturer> of its ledger.
local function set_trouble(name, kind, why)
  local kind_before, since = decode(call('HGET', 'troubles:{s0}', name) or '\192')
  if kind_before ~= kind then since = now_ms() end
  call('HSET', 'troubles:{s0}', name, encode(kind, since, why))
  call('ZADD', 'troubled:{s0}', text_of(kind * KIND_WEIGHT + since), name)
end

local function clear_trouble(name)
  if call('HDEL', 'troubles:{s0}', name) == 1 then call('ZREM', 'troubled:{s0}', name) end
end

-- Adds the entry to the manufacturer's ledger; false and why where that goes on elsewhere than its
-- head says (which only a foreign hand can bring about): a trouble, until it takes one again.
local function add_entry(manufacturer, epoch, number, entry)
  local added = try('XADD', 'ledger:{s0}:' .. manufacturer,
    text_of(epoch) .. '-' .. text_of(number), 'e', entry)
  if kind_of(added) ~= 'table' then
    clear_trouble(':' .. manufacturer)
    return true
  end
  local why = 'its ledger takes no entry: ' .. sub(added.err, 1, 100)
  set_trouble(':' .. manufacturer, CLOSED_LEDGER, why)
  return false, why
end

-- Adds the entry behind `head` = {epoch, number} and moves it; false and why as add_entry.
local function add_to_ledger(manufacturer, head, kind, now, cycle, rows)
  local added, why = add_entry(manufacturer, head[1], head[2] + 1, array(kind, now, cycle, rows))
  if not added then return false, why end
  head[2] = head[2] + 1
  call('HSET', 'heads:{s0}', manufacturer, encode(head[1], head[2]))
  return true
end

-- Adds the first `count` of `entries` = {key, id, entry}, each to a ledger of its own, or none of
-- them: where a head is not the one noted, those before it are taken back, and it raises.
local function add_entries(entries, count)
  for i = 1, count do
    local added = try('XADD', entries[i].key, entries[i].id, 'e', entries[i].entry)
    if kind_of(added) == 'table' then
      for k = 1, i - 1 do
        local key, epoch, number = entries[k].key, entries[k].id:match('(%d+)-(%d+)')
        call('XDEL', key, entries[k].id)
        call('XSETID', key, epoch .. '-' .. text_of(number - 1))
      end
      error(added)
    end
  end
end

-- manufacturer -> {epoch, number} of the newest ledger entry.
local function read_heads(manufacturers)
  local heads, rows = {}, call_many('HMGET', 'heads:{s0}', manufacturers)
  for i = 1, #manufacturers do
    if rows[i] then heads[manufacturers[i]] = {decode(rows[i])} end
  end
  return heads
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

local function is_signed_in(session, customer, now)
  local buyer = call('HGET', 'buyer:{s0}', customer)
  local row = buyer and call('GET', 'session:{s0}:' .. session)
  return buyer and is_session(session, row, customer, (decode(buyer)), now)
end

-- A write that leaves its retry nothing to be judged by (the password, session or account that it
-- changed) keeps its answer under the id of the request, for twice the longest budget.
local function keep_answer(request, answer)
  if is_bytes(request, 16) then call('SET', 'done:{s0}:' .. request, answer, 'PX', '120000') end
  return answer
end

local function kept_answer(request)
  return is_bytes(request, 16) and call('GET', 'done:{s0}:' .. request)
end

-- A function with the first argument [session, customer, ...]; `run(body, args, now)` is called for
-- a customer who is signed in. once: its second argument is the id of the request.
local function register_signed_in(name, run, flags, once)
  register(name, function(args)
    local body, now = args[1] and decode_array(args[1]), now_ms()
    if not body or not fits(body, 16, 16) then return problem('malformed', name) end
    local kept = once and kept_answer(args[2])
    if kept then return kept end
    if not is_signed_in(body[1], body[2], now) then return problem('unauthenticated') end
    return run(body, args, now)
  end, flags)
end

-- Peer 1: what nginx does with a request. One call of Redis (../redis/shop.lua) per purchase, over
-- a connection from the worker's pool; bodies are joined from text, as Depot's are.
local redis = require 'nginx.redis'
local cjson = require 'cjson.safe'
local ffi = require 'ffi'
local base64url = require('ngx.base64').encode_base64url
local header, var = ngx.header, ngx.var
local find, format, match, sub = string.find, string.format, string.match, string.sub

ffi.cdef [[
unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md);
int RAND_bytes(unsigned char *buf, int num);
]]
local hash, crypto = ffi.new('unsigned char[32]'), ffi.C
local function digest(text, bytes)
  crypto.SHA256(text, #text, hash)
  return base64url(ffi.string(hash, bytes))
end
local function random(bytes)
  assert(crypto.RAND_bytes(hash, bytes) == 1)
  return base64url(ffi.string(hash, bytes))
end

local folder = os.getenv('DEPOT_PEER_FOLDER')
local socket = 'unix:' .. folder .. '/redis.sock'

-- offer id -> the middle of its line in an answer. Names do not change while we run.
local described = {}
for line in io.lines(folder .. '/catalogue.csv') do
  local maker, maker_name, sku, name = match(line, '^([^,]+),([^,]+),([^,]+),([^,]+),')
  local id = maker .. ':' .. sku
  described[id] = format('{"offer_id":"%s","name":%s,"manufacturer_name":%s,"quantity":', id,
    cjson.encode(name), cjson.encode(maker_name))
end

local PROBLEMS = {
  malformed = {400, 'The request is malformed'},
  idempotency_key_missing = {400, 'The header Idempotency-Key is missing or empty'},
  unauthenticated = {401, 'You are not signed in'},
  card_required = {402, 'A payment card is required'},
  method_not_allowed = {405, 'This path has other methods'},
  email_taken = {409, 'There is an account with this e-mail already'},
  insufficient_stock = {409, 'There is not enough in stock'},
  invalid = {422, 'A value is not allowed'},
  unknown_offer = {422, 'There is no such offer'},
  idempotency_key_reused = {422, 'The Idempotency-Key was used for another request'},
  unavailable = {503, 'Not available at the moment'},
}

local function answer(status, body, kind)
  ngx.status = status
  header['Content-Type'] = kind or 'application/json'
  header['Content-Length'] = #body
  header['Cache-Control'] = 'no-store'
  ngx.print(body)
end

local function problem(name, items)
  local status, title = unpack(PROBLEMS[name] or PROBLEMS.unavailable)
  if status == 401 then header['WWW-Authenticate'] = 'Bearer' end
  answer(status, format('{"type":"/problems/%s","title":"%s","status":%d,"detail":"%s"%s}', name,
    title, status, title, items or ''), 'application/problem+json')
end

-- The line that the function answers; 'unavailable' where there is none.
local function ask(...)
  local store = redis:new()
  store:set_timeout(5000)
  local good = store:connect(socket)
  if not good then return 'unavailable' end
  local line, fault = store:fcall(...)
  if not line then
    store:close()
    ngx.log(ngx.ERR, 'redis: ', fault)
    return 'unavailable'
  end
  store:set_keepalive(3600000, 1024)
  return line
end

local function read_body()
  ngx.req.read_body()
  local body = cjson.decode(ngx.req.get_body_data() or '')
  return type(body) == 'table' and body or nil
end

-- Customer and hash of the secret of "Bearer <customer>.<secret>"; nil for anything else.
local function read_token()
  local text = var.http_authorization
  if not text or #text ~= 67 or sub(text, 1, 7) ~= 'Bearer ' or sub(text, 24, 24) ~= '.' then
    return
  end
  return sub(text, 8, 23), digest(sub(text, 25), 16)
end

-- The one line of an order, or the problem with it.
local function read_line(body)
  local lines = body.lines
  if type(lines) ~= 'table' or #lines ~= 1 or type(lines[1]) ~= 'table' then
    return nil, nil, 'invalid'
  end
  local offer, quantity = lines[1].offer_id, lines[1].quantity
  if type(offer) ~= 'string' or type(quantity) ~= 'number' or quantity < 1 or quantity > 1000000
    or quantity % 1 ~= 0 then
    return nil, nil, 'invalid'
  end
  return offer, quantity, not described[offer] and 'unknown_offer'
end

-- As to_rfc3339 of Depot; its first part is made once a second.
local second, stamp
local function to_time(ms)
  local seconds = math.floor(ms / 1000)
  if seconds ~= second then second, stamp = seconds, os.date('!%Y-%m-%dT%H:%M:%S', seconds) end
  return format('%s.%03dZ', stamp, ms % 1000)
end

local function order_body(id, offer, quantity, price, at)
  local time = to_time(at)
  return format('{"order_id":"%s","placed_at":"%s","cycle_id":"%s","status":"paid",'
    .. '"total":{"amount_minor":%d,"currency":"EUR"},"lines":[%s%d,'
    .. '"unit_price":{"amount_minor":%d,"currency":"EUR"},"status":"paid"}]}', id, time,
    sub(time, 1, 7), price * quantity, described[offer], quantity, price)
end

local M = {}

function M.ready()
  if ask('readiness', 0) ~= 'ready' then return problem('unavailable') end
  answer(200, '{"status":"ready"}')
end

function M.place_order()
  if ngx.req.get_method() ~= 'POST' then return problem('method_not_allowed') end
  local body = read_body()
  if not body then return problem('malformed') end
  local customer, session = read_token()
  if not customer then return problem('unauthenticated') end
  local key = var.http_idempotency_key
  if not key or key == '' or #key > 255 then return problem('idempotency_key_missing') end
  local offer, quantity, fault = read_line(body)
  if fault then return problem(fault) end

  local id = digest('order1' .. customer .. '\0' .. key, 12)
  local line = ask('purchase', 0, session, customer, id, digest(offer .. ' ' .. quantity, 16),
    offer, quantity)
  local verdict, number, at = match(line, '^([PpNn]) (%d+) (%d+)$')
  if not verdict then return problem(line) end
  if verdict == 'p' or verdict == 'n' then header['Idempotency-Replayed'] = 'true' end
  if verdict == 'N' or verdict == 'n' then
    return problem('insufficient_stock', format(
      ',"items":[{"offer_id":"%s","requested":%d,"available":%d,"problem":"%s"}]', offer, quantity,
      number, number == '0' and 'sold_out' or 'short'))
  end
  header['Location'] = '/v1/orders/' .. id
  answer(201, order_body(id, offer, quantity, tonumber(number), tonumber(at)))
end

local function signed_in(customer, secret)
  answer(201, format('{"customer_id":"%s","token":"%s.%s"}', customer, customer, secret))
end

local function text(value) return type(value) == 'string' and value ~= '' and value end

function M.create_account()
  local body = read_body()
  if not body then return problem('malformed') end
  local email, password = text(body.email), text(body.password)
  local first, last = text(body.first_name), text(body.last_name)
  if not (email and password and first and last) then return problem('invalid') end
  local customer, secret = random(12), random(32)
  local line = ask('create_account', 0, digest(secret, 16), customer, email:lower(),
    digest(customer .. password, 32), first, last)
  if line ~= 'done' then return problem(line) end
  signed_in(customer, secret)
end

function M.log_in()
  local body = read_body()
  if not body then return problem('malformed') end
  local email, password = text(body.email), text(body.password)
  if not (email and password) then return problem('invalid') end
  local customer, secret = ask('find_login', 0, email:lower()), random(32)
  if PROBLEMS[customer] then return problem(customer) end
  local line = ask('log_in', 0, digest(secret, 16), customer, digest(customer .. password, 32))
  if line ~= 'done' then return problem(line) end
  signed_in(customer, secret)
end

function M.put_card()
  local body = read_body()
  if not body then return problem('malformed') end
  local customer, session = read_token()
  if not customer then return problem('unauthenticated') end
  local number, month, year = text(body.number), body.exp_month, body.exp_year
  if not number or not number:find('^%d+$') or type(month) ~= 'number' or type(year) ~= 'number'
  then
    return problem('invalid')
  end
  local card = format('{"brand":"%s","last4":"%s","exp_month":%d,"exp_year":%d}',
    find(number, '^4') and 'visa' or 'unknown', sub(number, -4), month, year)
  local line = ask('put_card', 0, session, customer, card)
  if line ~= 'done' then return problem(line) end
  answer(200, card)
end

return M

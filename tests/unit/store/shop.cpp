#include "tests/unit/store/shop.hpp"

#include <algorithm>
#include <stdexcept>

#include "base/crypto.hpp"
#include "protocol/accounts.hpp"
#include "protocol/msgpack.hpp"

namespace depot::store::test {
namespace {

using protocol::Writer;

std::string number(std::int64_t value) { return std::to_string(value); }

std::string verdicts_text(const std::vector<protocol::LineVerdict>& verdicts) {
  std::string out = "[";
  for (const auto& verdict : verdicts) {
    out += verdict.offer + " " + number(verdict.requested) + "/" + number(verdict.available) + " " +
           std::string(name_of(verdict.problem)) + "; ";
  }
  return out + "]";
}

std::string options_text(const Options& options) {
  std::string out;
  Writer(out)
      .array(6)
      .integer(options.lines_max)
      .integer(options.refusals_per_minute_max)
      .integer(options.refusals_max)
      .integer(options.units_cap)
      .integer(options.feed_max)
      .integer(options.stop_new ? 1 : 0);
  return out;
}

// Functions that the hub calls, or the commands of `depot`; all others are workers'.
constexpr std::string_view kHubs[] = {
    "start_cycle_v1", "hello_v1",       "offer_v1",        "accept_v1",    "catalogue_v1",
    "statement_v1",   "answer_pack_v1", "step_part_v1",    "demand_v1",    "cycle_work_v1",
    "open_cycle_v1",  "close_cycle_v1", "end_cycle_v1",    "depletion_v1", "collect_cycle_v1",
    "write_pack_v1",  "fail_pack_v1",   "settle_cycle_v1", "readiness_v1", "set_cycle_end_v1"};
constexpr std::string_view kOperators[] = {"open_store_v1",   "enrol_v1",   "unenrol_v1",
                                           "resolve_pack_v1", "packs_v1",   "list_manufacturers_v1",
                                           "cycles_v1",       "troubles_v1"};

RedisRole role_that_calls(const std::string& function) {
  if (std::ranges::find(kHubs, function) != std::end(kHubs)) return RedisRole::hub;
  if (std::ranges::find(kOperators, function) != std::end(kOperators)) return RedisRole::operate;
  return RedisRole::worker;
}

}  // namespace

std::string id(std::string text) {
  text.resize(16, '_');
  return text;
}

protocol::Caller caller(const std::string& name) {
  return {.session = id("session " + name), .customer = id(name)};
}

std::string request_id(std::uint64_t value) { return id("request " + std::to_string(value)); }

Shop::Shop(const std::string& fsync) : log_({.level = LogLevel::error, .json = false}, "test") {
  config_.runtime_dir = folder_ / "";
  config_.runtime_dir.pop_back();
  config_.redis.dir = folder();
  config_.redis.fsync = fsync;
  start();
}

void Shop::start() {
  server_ = std::make_unique<RedisServer>(config_, log_);
  redis_.clear();
  for (const RedisRole role : {RedisRole::operate, RedisRole::worker, RedisRole::hub}) {
    auto connected = BlockingRedis::connect(config_.redis_login(role));
    if (!connected) throw std::runtime_error(connected.error().message);
    redis_.emplace(role, std::move(*connected));
  }
}

void Shop::clear() {
  const Value keys = redis({"KEYS", "*"});
  for (const Value& key : keys.items) redis({"DEL", key.text});
}

void Shop::reset() {
  clear();
  start_cycle();
}

void Shop::start_cycle() { call("start_cycle_v1", {kCycle, "1", "99999999999999", "10000"}); }

Value Shop::redis(const std::vector<std::string>& arguments) {
  const bool calls = arguments[0] == "FCALL";
  auto& redis = redis_.at(calls ? role_that_calls(arguments[1]) : RedisRole::operate);
  auto reply = redis.command(arguments);
  if (!reply) throw std::runtime_error(arguments[0] + ": " + reply.error().message);
  return std::move(*reply);
}

std::string Shop::call(const std::string& function, const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"FCALL", function, "0"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return redis(command).text;
}

std::vector<std::string> Shop::place_bodies(const std::vector<std::string>& bodies,
                                            const Options& options) {
  std::vector<std::string> command = {"FCALL", "place_orders_v1", "0", options_text(options)};
  command.insert(command.end(), bodies.begin(), bodies.end());
  std::vector<std::string> answers;
  for (const Value& item : redis(command).items) answers.push_back(item.text);
  return answers;
}

std::vector<std::string> Shop::place(const std::vector<protocol::PlaceOrder>& orders,
                                     const Options& options) {
  std::vector<std::string> bodies;
  for (const auto& each : orders) bodies.push_back(body_of(each));
  return place_bodies(bodies, options);
}

void Shop::add_customer(const std::string& name, bool with_card) {
  std::string account, card;
  encode(protocol::CreateAccount{.caller = caller(name),
                                 .email = name + "@example.org",
                                 .password = "a hash",
                                 .first_name = name,
                                 .last_name = "Test",
                                 .address = "10.0.0.1",
                                 .counted = true},
         account);
  call("create_account_v2",
       {account, number(kSessionIdle), number(14 * kSessionIdle), "", "60000", "5", "60000"});
  if (!with_card) return;
  encode(
      protocol::PutCard{
          .caller = caller(name),
          .card = {.brand = "visa", .last4 = "4242", .exp_month = 1, .exp_year = 2030},
          .token = "tok"},
      card);
  call("put_card_v1", {card});
}

std::string Shop::hello(const std::string& maker, std::int64_t epoch, std::int64_t at) {
  return call("hello_v1", {maker, "Maker " + maker, "1", number(epoch), number(at), "10000"});
}

std::string Shop::offer(const std::string& maker, std::int64_t epoch, std::int64_t at,
                        const std::vector<protocol::OfferRow>& rows, const std::string& cycle) {
  std::string record;
  encode(protocol::OfferRecord{.cycle = cycle, .rows = rows}, record);
  return call("offer_v1", {maker, number(epoch), number(at), record, "10000"});
}

std::string Shop::change_cart(const std::string& function, const protocol::CartChange& change) {
  std::string body;
  function == "remove_cart_line_v1" ? encode_remove(change, body) : encode_change(change, body);
  return call(function, {body, "1024", "1000000"});
}

std::string Shop::cart(const protocol::Caller& customer) {
  std::string body;
  encode(customer, body);
  return call("get_cart_v1", {body});
}

std::string Shop::orders(const protocol::Caller& customer, int limit,
                         std::optional<std::int64_t> before) {
  std::string body;
  encode(protocol::ListOrders{.caller = customer, .limit = limit, .before = before}, body);
  return call("list_orders_v1", {body});
}

std::string Shop::with_id(const std::string& function, const protocol::Caller& customer,
                          const std::string& order) {
  std::string body;
  encode(protocol::OrderRequest{.caller = customer, .order_id = order}, body);
  return call(function, {body, "10000"});
}

std::vector<std::int64_t> Shop::stock(const std::string& offer) {
  const Value row = redis({"HGET", std::string("stock:{s0}:") + kCycle, offer});
  protocol::Reader reader(row.text);
  std::vector<std::int64_t> values;
  while (!reader.rest().empty() && reader.ok()) values.push_back(reader.integer());
  return values;
}

std::vector<protocol::LedgerEntry> Shop::ledger(const std::string& maker) {
  std::vector<protocol::LedgerEntry> entries;
  for (const Value& item : redis({"XRANGE", "ledger:{s0}:" + maker, "-", "+"}).items) {
    auto entry = protocol::decode_ledger_entry(item.items[1].items[1].text);
    if (!entry) throw std::runtime_error("a ledger entry of " + maker + " is not well-formed");
    entries.push_back(std::move(*entry));
  }
  return entries;
}

std::string body_of(const protocol::PlaceOrder& order) {
  std::string body;
  encode(order, body);
  return body;
}

protocol::PlaceOrder order(const std::string& customer, const std::string& key,
                           std::vector<protocol::OrderLine> lines, protocol::OrderMode mode) {
  protocol::PlaceOrder made{.caller = caller(customer),
                            .order_id = id(key),
                            .fingerprint = {},
                            .mode = mode,
                            .cart_version = {},
                            .lines = std::move(lines)};
  made.fingerprint = fingerprint_of(made);
  return made;
}

protocol::PlaceOrder cart_order(const std::string& customer, const std::string& key,
                                std::int64_t version, protocol::OrderMode mode) {
  protocol::PlaceOrder made = order(customer, key, {}, mode);
  made.cart_version = version;
  made.fingerprint = fingerprint_of(made);
  return made;
}

std::string text_of(const protocol::OrderRow& row) {
  std::string out = to_hex(row.fingerprint) + " " + row.customer + " " + row.cycle +
                    (row.mode == protocol::OrderMode::available ? " available" : " all");
  for (const auto& part : row.parts) {
    out += " " + part.manufacturer + "@" + number(part.epoch) + "-" + number(part.number);
  }
  for (const auto& line : row.lines) {
    out += " (" + number(line.part) + " " + line.sku + " " + number(line.quantity) + "x" +
           number(line.unit_price) + ")";
  }
  return out + " refused " + verdicts_text(row.refused);
}

std::string text_of(const protocol::Refusal& refusal) {
  std::string out = std::string(row_of(refusal.problem).name) + " " + verdicts_text(refusal.items);
  if (!refusal.removed) return out;
  out += " removed";
  for (const std::string& offer : *refusal.removed) out += " " + offer;
  return out;
}

std::string problem_text(protocol::Problem problem, const std::vector<std::string>& offers) {
  std::string out = "X " + std::string(row_of(problem).name);
  for (const std::string& offer : offers) out += " " + offer;
  return out;
}

std::string text_of(const std::string& answer) {
  if (answer.empty()) return "(nothing)";
  const std::string letter = answer.substr(0, 1);
  const std::string_view row = std::string_view(answer).substr(1);
  if (letter == "P" || letter == "p") {
    const auto decoded = protocol::decode_order_row(row);
    return letter + " " + (decoded ? text_of(*decoded) : "(not an order row)");
  }
  if (letter == "N" || letter == "n") {
    const auto decoded = protocol::decode_refusal(row);
    return letter + " " + (decoded ? text_of(*decoded) : "(not a refusal)");
  }
  if (letter == "X") {
    const auto decoded = protocol::decode_problem(answer);
    return decoded ? problem_text(decoded->problem, decoded->offers) : "(not a problem)";
  }
  if (const auto cart = protocol::decode_cart(answer)) return text_of(*cart);
  if (const auto view = protocol::decode_order_view(answer)) return text_of(*view);
  return "(something else)";
}

std::string text_of(const protocol::Cart& cart) {
  std::string out = "cart " + number(cart.version) + ":";
  for (const auto& line : cart.lines) {
    out += " (" + line.offer + " " + number(line.quantity) + "x" + number(line.seen_price) +
           " now " + number(line.unit_price) + " of " + number(line.available) + " " +
           std::string(name_of(line.problem)) + ")";
  }
  return out;
}

std::string text_of(const protocol::OrderView& view) {
  std::string out = view.order_id + " " + text_of(view.row);
  for (const auto status : view.statuses) out += " " + std::string(name_of(status));
  return out;
}

std::string text_of(const protocol::LedgerEntry& entry) {
  std::string out = std::string(name_of(entry.kind)) + " " + entry.cycle;
  for (const auto& row : entry.rows) {
    out += " (" + row.order + " " + row.sku + " " + number(row.quantity) + "x" +
           number(row.unit_price) + " " + number(row.offered_after) + " " + number(row.cut_after) +
           " " + number(row.available_after) + ")";
  }
  return out;
}

}  // namespace depot::store::test

#include "control/manufacturer_command.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <unordered_set>

#include "base/clock.hpp"
#include "base/fatal.hpp"
#include "base/ids.hpp"
#include "control/keys_command.hpp"
#include "control/store_call.hpp"
#include "protocol/manufacturers.hpp"
#include "protocol/msgpack.hpp"

namespace depot::control {
namespace {

namespace json = boost::json;

constexpr const char* kPageSize = "500";

// Whether a function that answers yes or no says yes.
bool call_for_yes(store::BlockingRedis& redis, const std::string& function,
                  const std::vector<std::string>& arguments) {
  const std::string answer = call_store(redis, function, arguments);
  if (answer != "O\xC3" && answer != "O\xC2") fail_on_answer(function);
  return answer == "O\xC3";
}

using Rows = std::map<std::string, protocol::ManufacturerRow>;

Rows read_manufacturers(store::BlockingRedis& redis) {
  Rows rows;
  std::string cursor = "0";
  do {
    auto page = protocol::decode_manufacturer_page(
        call_store(redis, "list_manufacturers_v1", {cursor, kPageSize}));
    if (!page) fail_on_answer("list_manufacturers_v1");
    for (protocol::ManufacturerRow& row : page->rows) {
      protocol::ManufacturerRow& known = rows[row.id];
      if (known.id.empty() || row.enrolled_ms) known = std::move(row);
    }
    cursor = page->next;
  } while (cursor != "0");
  return rows;
}

// Offers of the current cycle by manufacturer; none where no cycle has been started.
std::map<std::string, std::int64_t> count_offers(store::BlockingRedis& redis) {
  std::map<std::string, std::int64_t> counts;
  std::unordered_set<std::string> seen;  // A scan may show one twice.
  std::string cursor = "0";
  do {
    const std::string answer = call_store(redis, "catalogue_v1", {cursor, kPageSize});
    if (!answer.starts_with('O')) break;
    protocol::Reader reader(std::string_view(answer).substr(1));
    reader.array();
    cursor = reader.string();
    reader.integer();
    const auto page = protocol::decode_catalogue_record(reader.rest());
    if (!page) fail_on_answer("catalogue_v1");
    for (const protocol::CatalogueItem& item : page->items) {
      const bool counts_now = !item.withdrawn && seen.insert(item.offer).second;
      if (counts_now) ++counts[std::string(manufacturer_of(item.offer))];
    }
  } while (cursor != "0");
  return counts;
}

std::string ledger_of(const protocol::ManufacturerRow& row) {
  return row.epoch > 0 ? fmt::format("{}-{}", row.epoch, row.number) : "";
}

// By tcp its agent needs a key; "" where it needs none. One that it has stays.
std::string key_for(const Config& config, const std::string& id) {
  if (!config.hub_sync_endpoint().starts_with("tcp://")) return "";
  const std::string name = "manufacturer-" + id, there = config.keys_dir + "/" + name;
  return std::filesystem::exists(there + ".pub") ? there + ".key" : make_key(config, name);
}

}  // namespace

int run_manufacturer_add(const Config& config, const ManufacturerOptions& options) {
  store::BlockingRedis redis = connect_store(config);
  const ManufacturerToken token{options.id, make_token_secret()};
  const std::string renew = options.renew ? "1" : "0";
  if (!call_for_yes(redis, "enrol_v1", {options.id, options.name, token.hash(), renew})) {
    throw StartupError(
        options.id + (options.renew ? " is not enrolled: leave out --renew"
                                    : " is enrolled already; --renew gives it a new token, and "
                                      "the one it has stops working"),
        kExitFailed);
  }
  const std::string key = key_for(config, options.id);
  if (options.json) {
    json::object document{
        {"manufacturer_id", options.id}, {"name", options.name}, {"token", token.text()}};
    if (!key.empty()) document["key_file"] = key;
    return print_line(json::serialize(document));
  }
  fmt::print(stderr, "{} ({}) is enrolled. Its token; keep it: it is not shown again.\n",
             options.name, options.id);
  if (!key.empty()) {
    fmt::print(stderr, "Its agent's key, for the keys_dir of its machine, beside hub-1.pub: {}\n",
               key);
  }
  return print_line(token.text());
}

int run_manufacturer_list(const Config& config, const ManufacturerOptions& options) {
  store::BlockingRedis redis = connect_store(config);
  const Rows rows = read_manufacturers(redis);
  auto offers = count_offers(redis);
  if (options.json) {
    json::array items;
    for (const auto& [id, row] : rows) {
      const std::string ledger = ledger_of(row);
      items.push_back(
          {{"manufacturer_id", id},
           {"name", row.name},
           {"enrolled_at",
            row.enrolled_ms ? json::value(rfc3339_of_ms(*row.enrolled_ms)) : json::value(nullptr)},
           {"offers", offers[id]},
           {"ledger", ledger.empty() ? json::value(nullptr) : json::value(ledger)}});
    }
    return print_line(json::serialize(json::object{{"items", std::move(items)}}));
  }
  std::string text = fmt::format("{:<20} {:<30} {:<24} {:>8} {:>12}", "ID", "NAME",
                                 "ENROLLED SINCE", "OFFERS", "LEDGER");
  for (const auto& [id, row] : rows) {
    text += fmt::format("\n{:<20} {:<30} {:<24} {:>8} {:>12}", id, row.name,
                        row.enrolled_ms ? rfc3339_of_ms(*row.enrolled_ms) : "not enrolled",
                        offers[id], ledger_of(row));
  }
  return print_line(text);
}

int run_manufacturer_remove(const Config& config, const ManufacturerOptions& options) {
  store::BlockingRedis redis = connect_store(config);
  if (!call_for_yes(redis, "unenrol_v1", {options.id})) {
    throw StartupError(options.id + " is not enrolled; see `depot manufacturer list`", kExitFailed);
  }
  fmt::print(stderr, "{} is no longer enrolled; what it offered and sold stays\n", options.id);
  return kExitOk;
}

}  // namespace depot::control

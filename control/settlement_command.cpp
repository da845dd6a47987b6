#include "control/settlement_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/numbers.hpp"
#include "control/cycle_command.hpp"
#include "control/store_call.hpp"
#include "protocol/fields.hpp"
#include "protocol/statement_text.hpp"

namespace depot::control {
namespace {

namespace json = boost::json;
using protocol::AnsweredStatement;

std::vector<std::string> cycles_meant(store::BlockingRedis& redis,
                                      const SettlementOptions& options) {
  return options.cycle.empty() ? cycle_ids(redis) : std::vector{options.cycle};
}

std::optional<AnsweredStatement> read_statement(store::BlockingRedis& redis,
                                                const std::string& manufacturer,
                                                const std::string& cycle) {
  const std::string answer = call_store(redis, "statement_v1", {manufacturer, cycle});
  auto statement = protocol::decode_answered_statement(answer);
  if (!statement && answer != "O\xC0") fail_on_answer("statement_v1");
  return statement;
}

// Of one cycle, by manufacturer: the sums alone.
void add_sums(store::BlockingRedis& redis, const std::string& cycle,
              std::vector<AnsweredStatement>& all) {
  const std::string answer = call_store(redis, "packs_v1", {cycle});
  protocol::Reader in(std::string_view(answer).substr(1));
  std::vector<AnsweredStatement> rows;
  protocol::read_rows(in, 6, rows, [&](AnsweredStatement& one) {
    protocol::Statement& pack = one.statement;
    pack.cycle = cycle;
    protocol::read(in, pack.manufacturer, pack.units, pack.gross, pack.fee, pack.net, one.agrees);
  });
  if (!answer.starts_with('O') || !in.done()) fail_on_answer("packs_v1");
  std::ranges::move(rows, std::back_inserter(all));
}

std::string_view answer_of(const AnsweredStatement& one) {
  return one.agrees ? protocol::name_of_answer(one.agrees) : "no answer yet";
}

json::object json_of(const AnsweredStatement& one) {
  json::object document = to_json(one.statement);
  document["answer"] = protocol::name_of_answer(one.agrees);
  if (!one.detail.empty()) document["differences"] = one.detail;
  return document;
}

std::string table_of(const AnsweredStatement& one) {
  const protocol::Statement& pack = one.statement;
  const Currency currency = currency_from_code(pack.currency).value_or(Currency{});
  const auto money = [&](std::int64_t minor) { return grouped_money(minor, currency); };
  std::string text =
      fmt::format("{} in cycle {}: {}\n\n{:<24} {:>10} {:>10} {:>8} {:>8} {:>10} {:>8}",
                  pack.manufacturer, pack.cycle, answer_of(one), "SKU", "OPENING", "INCREASES",
                  "CUTS", "SOLD", "CANCELLED", "UNSOLD");
  for (const protocol::StatementOffer& row : pack.offers) {
    text += fmt::format("\n{:<24} {:>10} {:>10} {:>8} {:>8} {:>10} {:>8}", row.sku, row.opening,
                        row.increases, row.cuts, row.sold, row.cancelled, row.unsold);
  }
  text += fmt::format("\n\n{:<24} {:>18} {:>10} {:>20}", "SALES OF", "AT", "UNITS", "MONEY");
  for (const protocol::StatementSale& row : pack.sales) {
    text += fmt::format("\n{:<24} {:>18} {:>10} {:>20}", row.sku, money(row.unit_price), row.units,
                        money(row.money));
  }
  text += fmt::format(
      "\n\n{:<24} {} units for {}\n{:<24} {} ({} %)\n{:<24} {}\n{:<24} {} to {}\n"
      "{:<24} {}",
      "sold", pack.units, money(pack.gross), "fee", money(pack.fee),
      protocol::fee_percent_of(pack.fee_rate), "payable", money(pack.net), "ledger",
      protocol::to_text(pack.from), protocol::to_text(pack.to), "sha256", to_hex(hash_of(pack)));
  if (!one.detail.empty()) text += "\n\nwhere it differs\n" + one.detail;
  return text;
}

}  // namespace

int run_settlement_list(const Config& config, const SettlementOptions& options) {
  store::BlockingRedis redis = connect_store(config);
  std::vector<AnsweredStatement> all;
  for (const std::string& cycle : cycles_meant(redis, options)) add_sums(redis, cycle, all);
  if (options.json) {
    json::array items;
    for (const AnsweredStatement& one : all) {
      const protocol::Statement& pack = one.statement;
      items.push_back({{"cycle_id", pack.cycle},
                       {"manufacturer_id", pack.manufacturer},
                       {"units", pack.units},
                       {"gross", pack.gross},
                       {"fee", pack.fee},
                       {"net", pack.net},
                       {"answer", protocol::name_of_answer(one.agrees)}});
    }
    return print_line(json::serialize(json::object{{"items", std::move(items)}}));
  }
  constexpr auto kForm = "{:<26} {:<20} {:>10} {:>18} {:>16} {:>18}  {}";
  std::string text =
      fmt::format(kForm, "CYCLE", "MANUFACTURER", "UNITS", "SOLD FOR", "FEE", "PAYABLE", "ANSWER");
  for (const AnsweredStatement& one : all) {
    const protocol::Statement& pack = one.statement;
    text += "\n" + fmt::format(kForm, pack.cycle, pack.manufacturer, pack.units,
                               grouped_money(pack.gross, config.currency),
                               grouped_money(pack.fee, config.currency),
                               grouped_money(pack.net, config.currency), answer_of(one));
  }
  return print_line(text);
}

int run_settlement_show(const Config& config, const SettlementOptions& options) {
  store::BlockingRedis redis = connect_store(config);
  const std::vector<std::string> cycles = cycles_meant(redis, options);
  std::optional<AnsweredStatement> found;
  for (auto cycle = cycles.rbegin(); cycle != cycles.rend() && !found; ++cycle) {
    found = read_statement(redis, options.manufacturer, *cycle);
  }
  if (!found) {
    throw StartupError("no statement of " + options.manufacturer +
                           (options.cycle.empty() ? "" : " for cycle " + options.cycle) +
                           "; see depot settlement list",
                       kExitFailed);
  }
  if (options.json) return print_line(json::serialize(json_of(*found)));
  if (!options.csv) return print_line(table_of(*found));
  const std::string csv = to_csv(found->statement);
  return std::fwrite(csv.data(), 1, csv.size(), stdout) == csv.size() ? kExitOk : kExitFailed;
}

}  // namespace depot::control

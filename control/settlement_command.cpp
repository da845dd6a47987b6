#include "control/settlement_command.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/clock.hpp"
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

std::optional<AnsweredStatement> read_statement(store::BlockingRedis& redis,
                                                const std::string& manufacturer,
                                                const std::string& cycle) {
  const std::string answer = call_store(redis, "statement_v1", {manufacturer, cycle});
  auto statement = protocol::decode_answered_statement(answer);
  if (!statement && answer != "O\xC0") fail_on_answer("statement_v1");
  return statement;
}

// Of one cycle, by manufacturer.
std::vector<AnsweredStatement> read_statements(store::BlockingRedis& redis,
                                               const std::string& cycle) {
  const std::string answer = call_store(redis, "packs_v1", {cycle});
  protocol::Reader in(std::string_view(answer).substr(1));
  std::vector<std::string> makers;
  protocol::read(in, makers);
  if (!answer.starts_with('O') || !in.done()) fail_on_answer("packs_v1");
  std::vector<AnsweredStatement> all;
  for (const std::string& maker : makers) {
    if (auto statement = read_statement(redis, maker, cycle)) all.push_back(std::move(*statement));
  }
  return all;
}

std::string_view answer_of(const AnsweredStatement& one) {
  return !one.agrees ? "no answer yet" : *one.agrees != 0 ? "agrees" : "disagrees";
}

json::object json_of(const AnsweredStatement& one) {
  json::object document = to_json(one.statement);
  document["answer"] = !one.agrees ? "none" : *one.agrees != 0 ? "agrees" : "disagrees";
  if (!one.detail.empty()) document["differences"] = one.detail;
  return document;
}

std::string table_of(const AnsweredStatement& one) {
  const protocol::Statement& pack = one.statement;
  return fmt::format("{} in cycle {}: {}\n\n{}{}{}", pack.manufacturer, pack.cycle, answer_of(one),
                     protocol::to_table(to_json(pack)),
                     one.detail.empty() ? "" : "\nwhere it differs\n", one.detail);
}

}  // namespace

int run_settlement_list(const Config& config, const SettlementOptions& options) {
  store::BlockingRedis redis = connect_store(config);
  std::vector<AnsweredStatement> all;
  for (const std::string& cycle : cycle_ids(redis)) {
    if (!options.cycle.empty() && cycle != options.cycle) continue;
    for (AnsweredStatement& one : read_statements(redis, cycle)) all.push_back(std::move(one));
  }
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
                       {"answer", json_of(one).at("answer")}});
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
  std::vector<std::string> cycles = {options.cycle};
  if (options.cycle.empty()) cycles = cycle_ids(redis);
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

#include "control/settlement_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/clock.hpp"
#include "base/fatal.hpp"
#include "base/numbers.hpp"
#include "control/cycle_command.hpp"
#include "control/store_call.hpp"
#include "protocol/fields.hpp"
#include "protocol/orders.hpp"
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

// One manufacturer's part in the settlement of a cycle, as the list has it.
struct Listed {
  AnsweredStatement sums = {};  // without its rows
  bool written = true;
  std::string why = {};   // it could not be written
  std::string note = {};  // of the operator's who resolved it
};

// By manufacturer, those without a statement behind the others.
std::vector<Listed> read_listed(store::BlockingRedis& redis, const std::string& cycle) {
  const std::string answer = call_store(redis, "packs_v1", {cycle});
  if (const auto problem = protocol::decode_problem(answer)) {
    throw StartupError(problem->detail + "; see depot cycle list", kExitFailed);
  }
  std::vector<Listed> written, missing;
  const auto all = protocol::decode_reply<bool>('O', answer, 2, [&](auto& in, bool& read_all) {
    protocol::read_rows(in, 7, written, [&](Listed& one) {
      protocol::Statement& pack = one.sums.statement;
      protocol::read(in, pack.manufacturer, pack.units, pack.gross, pack.fee, pack.net,
                     one.sums.agrees, protocol::or_nothing(one.note));
    });
    protocol::read_rows(in, 3, missing, [&](Listed& one) {
      one.written = false;
      protocol::read(in, one.sums.statement.manufacturer, protocol::or_nothing(one.why),
                     protocol::or_nothing(one.note));
    });
    read_all = true;
  });
  if (!all) fail_on_answer("packs_v1");
  std::ranges::move(missing, std::back_inserter(written));
  for (Listed& one : written) one.sums.statement.cycle = cycle;
  return written;
}

std::string_view answer_of(const AnsweredStatement& one) {
  return one.agrees ? protocol::name_of_answer(one.agrees) : "no answer yet";
}

std::string state_of(const Listed& one) {
  std::string text(answer_of(one.sums));
  if (!one.written) {
    text = !one.why.empty()   ? "no statement: " + one.why
           : one.note.empty() ? "to be written"
                              : "no statement";
  }
  return text + (one.note.empty() ? "" : "; resolved: " + one.note);
}

json::object json_of(const AnsweredStatement& one, const std::string& note) {
  json::object document = to_json(one.statement);
  document["answer"] = protocol::name_of_answer(one.agrees);
  if (!note.empty()) document["resolved"] = note;
  if (!one.detail.empty()) document["differences"] = one.detail;
  return document;
}

std::string table_of(const AnsweredStatement& one, const std::string& note) {
  const protocol::Statement& pack = one.statement;
  return fmt::format("{} in cycle {}: {}{}{}\n\n{}{}{}", pack.manufacturer, pack.cycle,
                     answer_of(one), note.empty() ? "" : "; resolved: ", note,
                     protocol::to_table(to_json(pack)),
                     one.detail.empty() ? "" : "\nwhere it differs\n", one.detail);
}

}  // namespace

int run_settlement_list(const Config& config, const SettlementOptions& options) {
  store::BlockingRedis redis = connect_store(config);
  std::vector<Listed> all;
  for (const std::string& cycle : cycles_meant(redis, options)) {
    std::ranges::move(read_listed(redis, cycle), std::back_inserter(all));
  }
  if (options.json) {
    json::array items;
    for (const Listed& one : all) {
      const protocol::Statement& pack = one.sums.statement;
      json::object item{{"cycle_id", pack.cycle}, {"manufacturer_id", pack.manufacturer}};
      if (one.written) {
        item["units"] = pack.units;
        item["gross"] = pack.gross;
        item["fee"] = pack.fee;
        item["net"] = pack.net;
        item["answer"] = protocol::name_of_answer(one.sums.agrees);
      } else {
        item["no_statement"] = one.why;
      }
      if (!one.note.empty()) item["resolved"] = one.note;
      items.push_back(std::move(item));
    }
    return print_line(json::serialize(json::object{{"items", std::move(items)}}));
  }
  constexpr auto kForm = "{:<26} {:<20} {:>10} {:>18} {:>16} {:>18}  {}";
  std::string text =
      fmt::format(kForm, "CYCLE", "MANUFACTURER", "UNITS", "SOLD FOR", "FEE", "PAYABLE", "ANSWER");
  for (const Listed& one : all) {
    const protocol::Statement& pack = one.sums.statement;
    const auto money = [&](std::int64_t amount) {
      return one.written ? grouped_money(amount, config.currency) : "-";
    };
    text += "\n" + fmt::format(kForm, pack.cycle, pack.manufacturer,
                               one.written ? std::to_string(pack.units) : "-", money(pack.gross),
                               money(pack.fee), money(pack.net), state_of(one));
  }
  return print_line(text);
}

int run_settlement_show(const Config& config, const SettlementOptions& options) {
  store::BlockingRedis redis = connect_store(config);
  const std::vector<std::string> cycles = cycles_meant(redis, options);
  std::optional<Listed> listed;  // the newest
  for (auto cycle = cycles.rbegin(); cycle != cycles.rend() && !listed; ++cycle) {
    for (Listed& one : read_listed(redis, *cycle)) {
      if (one.sums.statement.manufacturer == options.manufacturer) listed = std::move(one);
    }
  }
  const auto found = listed && listed->written
                         ? read_statement(redis, options.manufacturer, listed->sums.statement.cycle)
                         : std::nullopt;
  if (!found) {
    throw StartupError(listed ? fmt::format("{} in cycle {}: {}", options.manufacturer,
                                            listed->sums.statement.cycle, state_of(*listed))
                              : "no statement of " + options.manufacturer +
                                    (options.cycle.empty() ? "" : " for cycle " + options.cycle) +
                                    "; see depot settlement list",
                       kExitFailed);
  }
  if (options.json) return print_line(json::serialize(json_of(*found, listed->note)));
  if (!options.csv) return print_line(table_of(*found, listed->note));
  const std::string csv = to_csv(found->statement);
  return std::fwrite(csv.data(), 1, csv.size(), stdout) == csv.size() ? kExitOk : kExitFailed;
}

int run_settlement_resolve(const Config& config, const SettlementOptions& options) {
  store::BlockingRedis redis = connect_store(config);
  const std::string answer =
      call_store(redis, "resolve_pack_v1", {options.cycle, options.manufacturer, options.note});
  if (const auto problem = protocol::decode_problem(answer)) {
    throw StartupError(problem->detail + "; see depot settlement list", kExitFailed);
  }
  return print_line(fmt::format("{} in cycle {} is resolved: {}", options.manufacturer,
                                options.cycle, options.note));
}

}  // namespace depot::control

#include "control/cycle_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <span>
#include <thread>

#include "base/clock.hpp"
#include "base/fatal.hpp"
#include "base/numbers.hpp"
#include "base/yaml.hpp"
#include "control/cycle_rows.hpp"
#include "control/ops_html.hpp"
#include "control/store_call.hpp"
#include "protocol/orders.hpp"

namespace depot::control {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using protocol::Cycle;
using protocol::CycleState;

constexpr auto kLookEvery = 50ms;
constexpr auto kPatience = 60s;     // besides what the configuration lets it take
constexpr int kNewest = 3;          // the current one, the one before, the one planned
constexpr std::size_t kNamed = 10;  // of the silent; --json has all

// The newest `count` cycles and some that settle; 0: all.
Cycles read_cycles(store::BlockingRedis& redis, int count = kNewest) {
  const std::string answer = call_store(redis, "cycles_v1", {std::to_string(count)});
  if (const auto problem = protocol::decode_problem(answer)) {
    throw StartupError(problem->detail + "; is the hub running?", kExitUnavailable);
  }
  auto cycles = decode_cycles(answer);
  if (!cycles) fail_on_answer("cycles_v1");
  return std::move(*cycles);
}

json::object json_of(const CycleRow& row) {
  return {{"cycle_id", row.cycle.id},
          {"state", name_of(row.cycle.state)},
          {"opens_at", rfc3339_of_ms(row.cycle.opens_at_ms)},
          {"closes_at", rfc3339_of_ms(row.cycle.closes_at_ms)},
          {"packs", row.packs},
          {"packs_missing", row.manufacturers - row.packs},
          {"packs_failed", row.failed},
          {"agree", row.agree},
          {"disagree", row.disagree},
          {"resolved", row.resolved}};
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : std::span(names).first(std::min(names.size(), kNamed))) {
    text += (text.empty() ? "" : ", ") + name;
  }
  if (names.size() > kNamed) text += fmt::format(" and {} more", grouped(names.size() - kNamed));
  return text;
}

// Sets the end of the cycle that is open. `at`: "0" for now.
Cycle set_end(store::BlockingRedis& redis, const Config& config, const std::string& at) {
  const Cycle current = read_cycles(redis).current;
  const auto in_state = [](const Cycle& cycle) {
    return fmt::format("cycle {} is {}", cycle.id, name_of(cycle.state));
  };
  if (current.state != CycleState::open) {
    throw StartupError(in_state(current) + ": only an open one has an end to move", kExitFailed);
  }
  const auto now = protocol::decode_cycle_reply(call_store(
      redis, "set_cycle_end_v1", {current.id, at, std::to_string(config.limits.feed_entries_max)}));
  if (!now) fail_on_answer("set_cycle_end_v1");
  if (now->id != current.id || now->state != CycleState::open) {
    throw StartupError(in_state(*now) + " meanwhile", kExitFailed);
  }
  return *now;
}

}  // namespace

std::vector<std::string> cycle_ids(store::BlockingRedis& redis) {
  std::vector<std::string> ids;
  for (const CycleRow& row : read_cycles(redis, 0).rows) ids.push_back(row.cycle.id);
  return ids;
}

int run_cycle_show(const Config& config, const CycleOptions& options) {
  store::BlockingRedis redis = connect_store(config);
  const Cycles cycles = read_cycles(redis);
  const Cycle& now = cycles.current;
  if (options.json) {
    json::array settling;
    for (const CycleRow& row : cycles.rows) {
      if (row.cycle.state == CycleState::closed || row.cycle.state == CycleState::settling) {
        settling.push_back(json_of(row));
      }
    }
    json::object document = json_of(CycleRow{now});
    for (const char* name :
         {"packs", "packs_missing", "packs_failed", "agree", "disagree", "resolved"}) {
      document.erase(name);
    }
    document["silent"] = json::value_from(cycles.silent);
    document["settling"] = std::move(settling);
    return print_line(json::serialize(document));
  }
  const std::int64_t left = (now.closes_at_ms - wall_now().time_since_epoch().count()) / 1'000;
  std::string text = fmt::format(
      "cycle          {}\nstate          {}\nopens          {}\n"
      "closes         {}",
      now.id, name_of(now.state), rfc3339_of_ms(now.opens_at_ms), rfc3339_of_ms(now.closes_at_ms));
  if (now.state == CycleState::open && left > 0) text += ", in " + long_time(left);
  if (!cycles.silent.empty()) {
    text += fmt::format("\n{:<14} {}", now.state == CycleState::collecting ? "waits for" : "silent",
                        joined(cycles.silent));
  }
  for (const CycleRow& row : cycles.rows) {
    const CycleState state = row.cycle.state;
    if (state == CycleState::planned) {
      text += fmt::format("\nplanned        {}, opens {}", row.cycle.id,
                          rfc3339_of_ms(row.cycle.opens_at_ms));
    } else if (state == CycleState::closed || state == CycleState::settling) {
      text += fmt::format("\nsettling       {}: {}", row.cycle.id, settlement_of(row));
    }
  }
  return print_line(text);
}

int run_cycle_list(const Config& config, const CycleOptions& options) {
  store::BlockingRedis redis = connect_store(config);
  const Cycles cycles = read_cycles(redis, 0);
  if (options.json) {
    json::array items;
    for (const CycleRow& row : cycles.rows) items.push_back(json_of(row));
    return print_line(json::serialize(json::object{{"items", std::move(items)}}));
  }
  constexpr auto kForm = "{:<26} {:<10} {:<24} {:<24} {}";
  std::string text = fmt::format(kForm, "CYCLE", "STATE", "OPENS", "CLOSES", "SETTLEMENT");
  for (const CycleRow& row : cycles.rows) {
    text += "\n" + fmt::format(kForm, row.cycle.id, name_of(row.cycle.state),
                               rfc3339_of_ms(row.cycle.opens_at_ms),
                               rfc3339_of_ms(row.cycle.closes_at_ms), settlement_of(row));
  }
  return print_line(text);
}

int run_cycle_close(const Config& config, const CycleOptions& options) {
  store::BlockingRedis redis = connect_store(config);
  const Cycle ended = set_end(redis, config, "0");
  fmt::print(stderr, "cycle {} closes\n", ended.id);
  const TimePoint give_up =
      steady_now() + kPatience + config.cycle.closing_grace + config.cycle.collect_for;
  while (true) {
    const Cycles cycles = read_cycles(redis);
    const auto row = std::ranges::find(cycles.rows, ended.id,
                                       [](const CycleRow& each) { return each.cycle.id; });
    const auto planned = std::ranges::find(cycles.rows, CycleState::planned,
                                           [](const CycleRow& each) { return each.cycle.state; });
    const bool written =
        row != cycles.rows.end() && row->unwritten() == 0 && row->cycle.state >= CycleState::closed;
    const bool open = cycles.current.id != ended.id && cycles.current.state == CycleState::open;
    if (written && (open || planned != cycles.rows.end())) {
      if (options.json) return print_line(json::serialize(json_of(*row)));
      const Cycle& next = open ? cycles.current : planned->cycle;
      std::string text =
          fmt::format("cycle {} is {}, with {}; cycle {} {}", ended.id, name_of(row->cycle.state),
                      counted(static_cast<std::uint64_t>(row->packs), "statement"), next.id,
                      open ? "is open" : "opens " + rfc3339_of_ms(next.opens_at_ms));
      if (row->failed > 0) {
        text += fmt::format("\n{} could not be made; see depot settlement list --cycle {}",
                            row->failed, ended.id);
      }
      return print_line(text);
    }
    if (steady_now() > give_up) {
      const bool unwritten = row != cycles.rows.end() && row->unwritten() > 0;
      throw StartupError(
          unwritten ? fmt::format("cycle {} is {}, {}: the hub's log says why", ended.id,
                                  name_of(row->cycle.state), settlement_of(*row))
                    : fmt::format("cycle {} is {} still: does the hub run? See depot status",
                                  cycles.current.id, name_of(cycles.current.state)),
          kExitUnavailable);
    }
    std::this_thread::sleep_for(kLookEvery);
  }
}

int run_cycle_extend(const Config& config, const CycleOptions& options) {
  store::BlockingRedis redis = connect_store(config);
  const Cycle current = read_cycles(redis).current;
  std::int64_t at = 0;
  if (!options.until.empty()) {
    at = from_rfc3339(options.until).value().time_since_epoch().count();
  } else {
    at = current.closes_at_ms + parse_duration(options.by).value().count();
  }
  if (at <= wall_now().time_since_epoch().count()) {
    throw StartupError(rfc3339_of_ms(at) + " is past; depot cycle close ends it now", kExitUsage);
  }
  const Cycle now = set_end(redis, config, std::to_string(at));
  if (options.json) return print_line(json::serialize(json_of(CycleRow{now})));
  return print_line(fmt::format("cycle {} closes {}", now.id, rfc3339_of_ms(now.closes_at_ms)));
}

}  // namespace depot::control

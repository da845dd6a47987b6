#include "control/ops_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "control/status_reading.hpp"

namespace depot::control {
namespace {

namespace json = boost::json;

constexpr std::size_t kSettlementsMax = 6;  // cycles shown

std::string time_text(std::int64_t ms) {
  return ms == 0 ? kNone : rfc3339_of_ms(ms).replace(10, 1, " ").substr(0, 16) + " UTC";
}

std::string whole_at(const json::value& object, const char* key) {
  return or_none(real_at(object, key), whole);
}

// The statuses of processes of one kind that answered.
template <typename Visit>
void each_status(const json::value& status, std::string_view kind, Visit visit) {
  for (const json::value& row : list_at(status, "processes")) {
    const std::string name = text_at(row, "name");
    if (kind_of(name) == kind && at(row, "status").is_object()) visit(name, at(row, "status"));
  }
}

Table requests_table(const OpsState& state) {
  Table table{"requests",
              "Requests",
              {"Requests", "Rate", "p50", "p90", "p99", "2xx", "3xx", "4xx", "5xx", "503"},
              {}};
  const auto now = newest_window(state.samples, kNow);
  if (!now) return table;
  table.caption += ", over the last " + length_of(*now);
  for (const auto& [name, first] :
       {std::pair("All", all_requests), std::pair("POST /v1/orders", order_requests)}) {
    auto& row = table.rows.emplace_back(1, name);
    row.push_back(per_second(now->rate(first + kBuckets - 1)));
    for (const double fraction : {0.5, 0.9, 0.99}) {
      row.push_back(or_none(now->percentile(first, fraction), seconds_text));
    }
    for (std::size_t count = answered_2xx; count <= answered_503; ++count) {
      row.push_back(first == all_requests ? per_second(now->rate(count)) : kNone);
    }
  }
  return table;
}

Table processes_table(const OpsState& state) {
  Table table{
      "processes", "Processes", {"Process", "State", "Pid", "Up", "Restarts", "CPU", "Memory"}, {}};
  const auto add = [&](const std::string& name, const std::string& words, const json::value& row) {
    const auto use = state.use.find(name);
    const bool known = use != state.use.end();
    const bool lives = at(row, "uptime_seconds").is_number();
    table.rows.push_back(
        {name, words, number_at(row, "pid") == 0 ? kNone : std::to_string(number_at(row, "pid")),
         lives ? long_time(number_at(row, "uptime_seconds")) : kNone, whole_at(row, "restarts"),
         known ? percent(use->second.cpu) : kNone,
         known ? mebibytes(use->second.resident_bytes / kMebibyte) : kNone});
  };
  for (const json::value& row : list_at(*state.status, "processes")) {
    const std::string why = text_at(row, "not_ready");
    std::string now = text_at(row, "state");
    if (!why.empty() && now == "ready") now = "not ready";  // It was, and may be again.
    if (!why.empty()) (now += ": ") += why;
    add(text_at(row, "name"), now, row);
  }
  const json::value& redis = at(*state.status, "redis");
  const std::string why = text_at(redis, "not_ready");
  add("redis", why.empty() ? "ready" : why, redis);
  add("up", "ready", *state.status);
  return table;
}

Table workers_table(const json::value& status) {
  Table table{"workers",
              "Workers, as the balancers see them",
              {"Worker", "Balancer", "State", "Outstanding", "Credit", "Time for one"},
              {}};
  each_status(status, "balancer", [&](const std::string& balancer, const json::value& own) {
    for (const json::value& worker : list_at(own, "workers")) {
      const bool down = at(worker, "backend_down") == json::value(true);
      const bool draining = at(worker, "draining") == json::value(true);
      table.rows.push_back(
          {text_at(worker, "name"), balancer,
           down       ? "no Redis"
           : draining ? "draining"
                      : "ready",
           whole_at(worker, "outstanding"), whole_at(worker, "credit"),
           seconds_text(static_cast<double>(number_at(worker, "service_us")) / 1e6)});
    }
  });
  return table;
}

Table manufacturers_table(const json::value& status) {
  Table table{
      "manufacturers",
      "Manufacturers, and how far they are behind their ledgers",
      {"Manufacturer", "Name", "State", "Behind", "Told", "Ledger", "Offers written", "Under way"},
      {}};
  for (const json::value& row : manufacturers_of(status)) {
    const bool connected = at(row, "connected") == json::value(true);
    const json::value& told = at(row, "told");
    const auto place = [](const json::value& object, const char* epoch, const char* number) {
      return fmt::format("{}-{}", number_at(object, epoch), number_at(object, number));
    };
    table.rows.push_back({text_at(row, "id"), text_at(row, "name"),
                          connected ? "connected" : "not connected",
                          !connected                      ? kNone
                          : at(row, "behind").is_number() ? whole_at(row, "behind")
                                                          : "another epoch",
                          told.is_object() ? place(told, "epoch", "number") : kNone,
                          place(row, "head_epoch", "head"), whole_at(row, "last_number"),
                          whole_at(row, "in_flight")});
  }
  return table;
}

Table redis_table(const json::value& status) {
  const json::value& redis = at(status, "redis");
  return {"redis",
          "Redis",
          {"Mode", "Keys", "Ledger entries", "Feed entries", "Commands", "Restarts"},
          {{text_at(redis, "mode"), whole_at(redis, "keys"), whole_at(redis, "ledger_entries"),
            whole_at(redis, "feed_entries"), whole_at(redis, "commands_total"),
            whole_at(redis, "restarts")}}};
}

Table cycle_table(const json::value& status, WallTime now) {
  Table table{"cycle", "Cycle", {"Cycle", "State", "Opens", "Closes", "Left"}, {}};
  if (const json::value cycle = cycle_of(status); !cycle.is_null()) {
    table.rows.push_back({text_at(cycle, "id"), text_at(cycle, "state"),
                          time_text(number_at(cycle, "opens_at_ms")),
                          time_text(number_at(cycle, "closes_at_ms")), time_left(cycle, now)});
  }
  return table;
}

// Of the cycles that are closed, the newest first.
Table settlements_table(const std::vector<CycleRow>& cycles) {
  Table table{"settlements",
              "Settlement of the last cycles",
              {"Cycle", "State", "Closed", "Statements", "Agree", "Disagree", "Resolved"},
              {}};
  for (auto row = cycles.rbegin(); row != cycles.rend(); ++row) {
    if (row->cycle.state < protocol::CycleState::closed) continue;
    if (table.rows.size() == kSettlementsMax) break;
    table.rows.push_back(
        {row->cycle.id, std::string(name_of(row->cycle.state)), time_text(row->cycle.closes_at_ms),
         fmt::format("{} of {}", row->packs, row->manufacturers), std::to_string(row->agree),
         std::to_string(row->disagree), std::to_string(row->resolved)});
  }
  return table;
}

}  // namespace

std::string length_of(const Window& window) { return long_time(std::llround(window.seconds())); }

json::value rates_of(const OpsState& state) {
  const auto now = newest_window(state.samples, kNow);
  if (!now) return nullptr;
  const auto growth = now->growth(&Sample::ledger_entries);
  return {{"requests_per_second", now->rate(all_requests + kBuckets - 1)},
          {"orders_per_second", now->rate(orders_placed) + now->rate(orders_refused)},
          {"ledger_entries_per_second", growth ? json::value(*growth) : json::value()},
          {"seconds", std::llround(now->seconds())}};
}

json::value cycle_of(const json::value& status) {
  json::value cycle;
  each_status(status, "hub", [&](const std::string&, const json::value& hub) {
    if (at(hub, "cycle").is_object()) cycle = at(hub, "cycle");
  });
  return cycle;
}

std::string time_left(const json::value& cycle, WallTime now) {
  const auto left = number_at(cycle, "closes_at_ms") - now.time_since_epoch().count();
  return long_time(left / 1'000);
}

std::vector<json::value> manufacturers_of(const json::value& status) {
  std::map<std::string, json::value> rows;
  each_status(status, "hub", [&](const std::string&, const json::value& hub) {
    for (const json::value& maker : list_at(hub, "manufacturers")) {
      json::value& row = rows[text_at(maker, "id")];
      if (row.is_null() || at(maker, "connected") == json::value(true)) row = maker;
    }
  });
  std::vector<json::value> all;
  all.reserve(rows.size());
  for (auto& [id, row] : rows) all.push_back(std::move(row));
  std::ranges::stable_sort(all, std::greater(), [](const json::value& row) {
    return at(row, "connected") == json::value(true) ? number_at(row, "behind") : -1;
  });
  return all;
}

std::vector<Table> tables_of(const OpsState& state, WallTime now) {
  const json::value& status = *state.status;
  return {requests_table(state),          processes_table(state), workers_table(status),
          manufacturers_table(status),    redis_table(status),    cycle_table(status, now),
          settlements_table(state.cycles)};
}

}  // namespace depot::control

#include "control/status.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>

#include <boost/json.hpp>
#include <cstdio>

#include "base/clock.hpp"
#include "base/fatal.hpp"
#include "control/cluster_status.hpp"
#include "control/ops_html.hpp"
#include "control/status_reading.hpp"
#include "control/up_lock.hpp"
#include "http/client.hpp"

namespace depot::control {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
constexpr auto kStep = 50ms;
constexpr auto kAskReadyMax = 5s;

void pause(std::chrono::milliseconds time) { poll(nullptr, 0, static_cast<int>(time.count())); }
void say(const std::string& line) { std::fputs((line + "\n").c_str(), stderr); }
void print_json(const json::value& document) {
  std::fputs((json::serialize(document) + "\n").c_str(), stdout);
}

std::string fetch_admin(const Config& config, const char* path) {
  const int pid = UpLock::holder(config.runtime_dir);
  if (pid == 0) {
    throw StartupError("no depot up runs here: start one with ./run or `depot up`",
                       kExitUnavailable);
  }
  const auto answer = http::fetch(config.admin.listen, "GET", path);
  if (answer && answer->status == 200) return answer->body;
  throw StartupError(fmt::format("depot up (pid {}) does not answer: {}; see var/log/up.log", pid,
                                 answer ? std::to_string(answer->status) : answer.error().message),
                     kExitUnavailable);
}

// "outstanding 3, queued 0, ...": the plain numbers and words of a process' own status.
std::string details_of(const json::value& row) {
  std::string text;
  const json::value& own = at(row, "status");
  if (!own.is_object()) return text_at(row, "not_ready");
  for (const auto& [key, value] : own.as_object()) {
    const bool shown = value.is_number() || (value.is_string() && key != "name" && key != "id");
    const std::string word =
        value.is_string() ? text_at(own, std::string(key).c_str()) : json::serialize(value);
    if (!shown || word.empty()) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", std::string_view(key), word);
  }
  for (const json::value& worker : list_at(own, "workers")) {
    text += fmt::format("\n{:>44}{}: outstanding {}, credit {}", "", text_at(worker, "name"),
                        number_at(worker, "outstanding"), number_at(worker, "credit"));
  }
  return text;
}

void print_table(const json::value& status) {
  std::string out = fmt::format("{:<18}{:<10}{:>8}{:>10}{:>9}  {}\n", "PROCESS", "STATE", "PID",
                                "UP", "RESTARTS", "DETAILS");
  for (const json::value& row : list_at(status, "processes")) {
    out +=
        fmt::format("{:<18}{:<10}{:>8}{:>9}s{:>9}  {}\n", text_at(row, "name"),
                    text_at(row, "state"), number_at(row, "pid"), number_at(row, "uptime_seconds"),
                    number_at(row, "restarts"), details_of(row));
  }
  const json::value &redis = at(status, "redis"), &rates = at(status, "rates");
  const auto memory = [&redis](const char* key) {
    return mebibytes(real_at(redis, key).value_or(0) / kMebibyte);
  };
  const auto count = [&redis](const char* key) { return or_none(real_at(redis, key), whole); };
  const auto rate = [&rates](const char* key) { return or_none(real_at(rates, key), per_second); };
  out += fmt::format("\nredis     {} of {}, {} keys, {} restarts\n", memory("used_memory"),
                     memory("maxmemory"), count("keys"), number_at(redis, "restarts"));
  out += fmt::format("ledger    {} entries, +{}\n", count("ledger_entries"),
                     rate("ledger_entries_per_second"));
  out += fmt::format("rates     {} requests, {} orders, of the last {} s\n",
                     rate("requests_per_second"), rate("orders_per_second"),
                     or_none(real_at(rates, "seconds"), whole));
  for (const std::string& problem : problems_of(status)) out += "wrong     " + problem + "\n";
  std::fputs(out.c_str(), stdout);
}

// Asks `what_is_missing` until it is "", saying each new answer; throws at the deadline.
template <typename F>
void wait_for(std::chrono::seconds deadline, const F& what_is_missing) {
  const TimePoint end = steady_now() + deadline;
  std::string said;
  while (true) {
    const std::string missing = what_is_missing();
    if (missing.empty()) return;
    if (missing != said) say("waiting for " + missing);
    said = missing;
    if (steady_now() > end) {
      throw StartupError(fmt::format("not ready after {} s: {}; `depot status --check` says more",
                                     deadline.count(), missing),
                         kExitUnavailable);
    }
    pause(kStep);
  }
}

}  // namespace

json::value fetch_status(const Config& config) {
  return json::parse(fetch_admin(config, "/status"));
}

int run_status(const Config& config, const StatusOptions& options) {
  if (options.wait_seconds > 0) {
    wait_for(std::chrono::seconds(options.wait_seconds), [&]() -> std::string {
      if (UpLock::holder(config.runtime_dir) == 0) return "depot up";
      return ask_ready(config.admin.listen, kAskReadyMax, "depot up to answer");
    });
    return kExitOk;
  }
  if (options.check) {
    const std::vector<std::string> problems = problems_of(fetch_status(config));
    if (options.json) {
      print_json({{"items", json::value_from(problems)}});
    } else {
      for (const std::string& problem : problems) fmt::print("{}\n", problem);
      if (problems.empty()) fmt::print("all is well\n");
    }
    return problems.empty() ? kExitOk : kExitFailed;
  }
  const json::value status = fetch_status(config);
  options.json ? print_json(status) : print_table(status);
  return kExitOk;
}

int run_down(const Config& config) {
  const int pid = UpLock::holder(config.runtime_dir);
  if (pid == 0) {
    say("no depot up runs here");
    return kExitOk;
  }
  kill(pid, SIGTERM);
  wait_for(60s, [&]() -> std::string {
    return UpLock::holder(config.runtime_dir) == pid ? fmt::format("depot up (pid {}) to end", pid)
                                                     : "";
  });
  return kExitOk;
}

int run_scale_workers(const Config& config, int count) {
  if (config.path.empty()) {
    throw StartupError("there is no config.yml to edit; name one: --config", kExitConfig);
  }
  fetch_status(config);  // Where nothing runs, nothing is edited.
  edit_config_number(config.path, "workers.count", count);
  const auto deadline = std::chrono::ceil<std::chrono::seconds>(config.workers.drain_timeout) + 20s;
  wait_for(deadline, [&]() -> std::string {
    const json::value status = fetch_status(config);
    const std::string error = text_at(status.at("config"), "error");
    if (!error.empty()) return "a config.yml that is accepted: " + error;
    int ready = 0, here = 0;
    std::string reason;
    for (const json::value& row : list_at(status, "processes")) {
      const std::string name = text_at(row, "name"), not_ready = text_at(row, "not_ready");
      if (!name.starts_with("worker-")) continue;
      ++here;
      ready += not_ready.empty();
      if (!not_ready.empty()) reason = fmt::format("{}: {}", name, not_ready);
    }
    if (ready == count && here == count) return "";
    return fmt::format("{} workers; {} are ready{}{}", count, ready, reason.empty() ? "" : ", ",
                       reason);
  });
  say(fmt::format("{} workers are ready", count));
  return kExitOk;
}

}  // namespace depot::control

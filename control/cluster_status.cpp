#include "control/cluster_status.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>
#include <sstream>

#include "http/client.hpp"
#include "store/blocking.hpp"

namespace depot::control {
namespace {

namespace json = boost::json;
constexpr auto kAskMax = std::chrono::milliseconds(300);

std::string ask(const Config& config, const std::string& process, const char* path) {
  const auto answer =
      http::fetch("unix:" + config.admin_socket(process), "GET", path, {}, "", kAskMax);
  return answer && answer->status == 200 ? answer->body : "";
}

json::object row_of(const Config& config, const UpView::Row& row) {
  const SupervisedProcess& process = row.process;
  json::object out{{"name", process.spec.name},
                   {"state", name_of(process.state)},
                   {"not_ready", process.not_ready},
                   {"pid", row.pid},
                   {"restarts", process.restarts}};
  if (!process.runs()) return out;
  const auto uptime = std::chrono::duration<double>(steady_now() - process.started);
  out["uptime_seconds"] = static_cast<std::int64_t>(uptime.count());
  json::error_code error;
  json::value own = json::parse(ask(config, process.spec.name, "/status"), error);
  out["status"] = error ? json::value() : std::move(own);
  return out;
}

// The number behind "name:" in the text of INFO.
std::int64_t info_number(const std::string& info, const std::string& name) {
  const std::size_t at = info.find("\n" + name + ":");
  return at == std::string::npos ? 0 : std::atoll(info.c_str() + at + name.size() + 2);
}

json::object redis_document(const UpView& view) {
  const Config& config = view.config;
  json::object out{{"mode", config.redis.mode == RedisMode::external ? "external" : "private"},
                   {"url", config.redis_url()},
                   {"purchases_stop_percent", config.redis.purchases_stop_percent},
                   {"restarts", view.redis_restarts},
                   {"not_ready", view.redis_down},
                   {"books_wrong", view.books_wrong}};
  if (!view.redis_down.empty()) return out;
  auto redis = store::BlockingRedis::connect(config.redis_url(), kAskMax);
  if (!redis) {
    out["not_ready"] = redis.error().message;
    return out;
  }
  const auto number = [&](const std::vector<std::string>& command) {
    const auto reply = redis->command(command);
    return reply ? reply->integer : 0;
  };
  const auto info = redis->command({"INFO"});
  if (!info) {
    out["not_ready"] = info.error().message;
    return out;
  }
  out["pid"] = info_number(info->text, "process_id");
  out["used_memory"] = info_number(info->text, "used_memory");
  out["maxmemory"] = info_number(info->text, "maxmemory");
  out["commands_total"] = info_number(info->text, "total_commands_processed");
  std::int64_t entries = 0;
  if (const auto makers = redis->command({"HKEYS", "heads:{s0}"})) {
    for (const store::Value& maker : makers->items) {
      entries += number({"XLEN", "ledger:{s0}:" + maker.text});
    }
  }
  out["ledger_entries"] = entries;
  out["feed_entries"] = number({"XLEN", "feed:{s0}"});
  out["keys"] = number({"DBSIZE"});
  return out;
}

struct Family {
  std::string head;  // # HELP and # TYPE
  std::string samples;
};

// `text` in Prometheus' format; a family's name is the second word of its comments.
void merge(const std::string& process, const std::string& text,
           std::map<std::string, Family>& families) {
  std::istringstream lines(text);
  Family* family = nullptr;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# ")) {
      const std::size_t begin = line.find(' ', 2) + 1;
      family = &families[line.substr(begin, line.find(' ', begin) - begin)];
      if (family->samples.empty()) family->head += line + "\n";  // The first process says it.
      continue;
    }
    const std::size_t end = line.find_first_of("{ ");
    if (!family || end == std::string::npos) continue;
    const bool labelled = line[end] == '{';
    family->samples += fmt::format("{}{{process=\"{}\"{}{}\n", line.substr(0, end), process,
                                   labelled ? "," : "}", line.substr(end + (labelled ? 1 : 0)));
  }
}

}  // namespace

std::string ask_ready(const std::string& where, std::chrono::milliseconds limit,
                      const std::string& silent) {
  const auto answer = http::fetch(where, "GET", "/readyz", {}, "", limit);
  if (!answer) return silent;
  if (answer->status == 200) return "";
  json::error_code error;
  const json::value problem = json::parse(answer->body, error);
  const json::value* detail =
      problem.is_object() ? problem.as_object().if_contains("detail") : nullptr;
  return detail && detail->is_string() ? std::string(detail->as_string()) : answer->body;
}

std::string_view name_of(SupervisedProcess::State state) {
  constexpr std::string_view kNames[] = {"waiting", "starting", "ready", "stopping"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string UpView::not_ready() const {
  if (!redis_down.empty()) return "redis: " + redis_down;
  for (const Row& row : rows) {
    const std::string& reason = row.process.not_ready;
    if (!reason.empty()) return row.process.spec.name + ": " + reason;
  }
  return settled ? "" : "up: starting";
}

json::object status_document(const UpView& view) {
  json::array processes, restart_keys;
  for (const UpView::Row& row : view.rows) processes.push_back(row_of(view.config, row));
  for (const std::string& key : view.restart_keys) restart_keys.emplace_back(key);
  return {{"version", DEPOT_VERSION},
          {"config",
           {{"path", view.config.path},
            {"error", view.config_error},
            {"restart_needed_for", restart_keys}}},
          {"not_ready", view.not_ready()},
          {"workers_wanted", view.config.workers.count},
          {"redis", redis_document(view)},
          {"processes", std::move(processes)}};
}

std::string merged_metrics(const UpView& view, const std::string& own) {
  std::map<std::string, Family> families;
  merge("up", own, families);
  for (const UpView::Row& row : view.rows) {
    if (row.process.runs()) {
      merge(row.process.spec.name, ask(view.config, row.process.spec.name, "/metrics"), families);
    }
  }
  std::string text;
  for (const auto& [name, family] : families) text += family.head + family.samples;
  return text;
}

}  // namespace depot::control

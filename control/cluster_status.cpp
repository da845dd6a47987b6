#include "control/cluster_status.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <functional>
#include <future>
#include <list>
#include <sstream>

#include "control/cycle_rows.hpp"
#include "http/client.hpp"

namespace depot::control {
namespace {

namespace json = boost::json;
constexpr auto kAskMax = std::chrono::milliseconds(300);

using Answers = std::map<std::string, std::string>;

bool is_asked(const UpView::Row& row, bool agents) {
  return row.process.runs() && (agents || kind_of(row.process.spec.name) != "manufacturer");
}

Answers ask_those(const UpView& view, const char* path, bool agents = true) {
  std::vector<std::string> names;
  for (const UpView::Row& row : view.rows) {
    if (is_asked(row, agents)) names.push_back(row.process.spec.name);
  }
  return ask(view.config, names, path);
}

json::object row_of(const UpView::Row& row, const Answers& answers) {
  const SupervisedProcess& process = row.process;
  json::object out{{"name", process.spec.name},
                   {"state", name_of(process.state)},
                   {"not_ready", process.not_ready},
                   {"pid", row.pid},
                   {"restarts", process.restarts}};
  if (!process.runs()) return out;
  const auto uptime = std::chrono::duration<double>(steady_now() - process.started);
  out["uptime_seconds"] = static_cast<std::int64_t>(uptime.count());
  const auto answer = answers.find(process.spec.name);
  if (answer == answers.end()) return out;
  json::error_code error;
  json::value own = json::parse(answer->second, error);
  out["status"] = error ? json::value() : std::move(own);
  return out;
}

// What stands behind "name:" in the text of INFO.
const char* info_field(const std::string& info, const std::string& name) {
  const std::size_t at = info.find("\n" + name + ":");
  return at == std::string::npos ? "0" : info.c_str() + at + name.size() + 2;
}

json::object settlement_of(const std::string& answer, const Config& config) {
  const Troubles troubles = decode_troubles(answer).value_or(Troubles{});
  json::array first;
  for (const Trouble& trouble : troubles.first) first.emplace_back(to_text(trouble));
  return {{"troubles", troubles.count},
          {"first", std::move(first)},
          {"overdue", overdue(troubles, config.cycle)}};
}

// What Redis says of itself, and how much it holds.
Result<json::object> ask_redis(store::BlockingRedis& redis, const Config& config) {
  const auto first = redis.commands({{"INFO", "server", "memory", "stats", "cpu"},
                                     {"HKEYS", "heads:{s0}"},
                                     {"XLEN", "feed:{s0}"},
                                     {"DBSIZE"},
                                     {"FCALL_RO", "troubles_v1", "0"}});
  if (!first) return tl::unexpected(first.error());
  const std::string& info = first->front().text;
  if (first->front().kind == store::Value::Kind::error) return fail(ErrorCode::unknown, info);
  std::vector<std::vector<std::string>> ledgers;
  for (const store::Value& maker : first->at(1).items) {
    ledgers.push_back({"XLEN", "ledger:{s0}:" + maker.text});
  }
  const auto lengths = redis.commands(ledgers);
  if (!lengths) return tl::unexpected(lengths.error());
  std::int64_t entries = 0;
  for (const store::Value& length : *lengths) entries += length.integer;
  const auto number = [&](const char* name) { return std::atof(info_field(info, name)); };
  const auto whole = [&](const char* name) { return std::atoll(info_field(info, name)); };
  return json::object{{"pid", whole("process_id")},
                      {"uptime_seconds", whole("uptime_in_seconds")},
                      {"used_memory", whole("used_memory")},
                      {"resident_memory", whole("used_memory_rss")},
                      {"maxmemory", whole("maxmemory")},
                      {"cpu_seconds", number("used_cpu_sys") + number("used_cpu_user")},
                      {"commands_total", whole("total_commands_processed")},
                      {"ledger_entries", entries},
                      {"feed_entries", first->at(2).integer},
                      {"keys", first->at(3).integer},
                      {"settlement", settlement_of(first->at(4).text, config)}};
}

json::object redis_document(const UpView& view, std::optional<store::BlockingRedis>& redis) {
  const Config& config = view.config;
  json::object out{{"mode", config.redis.mode == RedisMode::external ? "external" : "private"},
                   {"url", config.redis_url()},
                   {"purchases_stop_percent", config.redis.purchases_stop_percent},
                   {"restarts", view.redis_restarts},
                   {"not_ready", view.redis_down},
                   {"books_wrong", view.books_wrong}};
  if (!view.redis_down.empty()) {
    redis.reset();
    return out;
  }
  if (!redis) {
    auto connected = store::BlockingRedis::connect(config.redis_login(RedisRole::operate), kAskMax);
    if (!connected) {
      out["not_ready"] = connected.error().message;
      return out;
    }
    redis.emplace(std::move(*connected));
  }
  const auto answer = ask_redis(*redis, config);
  if (answer) {
    for (const auto& [name, value] : *answer) out[name] = value;
  } else {
    redis.reset();
    out["not_ready"] = answer.error().message;
  }
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

Answers ask(const Config& config, const std::vector<std::string>& processes, const char* path) {
  boost::asio::io_context io(1);
  std::list<http::Connection> connections;
  std::size_t waiting = processes.size();
  Answers answers;
  for (const std::string& process : processes) {
    auto& connection =
        connections.emplace_back(io, "unix:" + config.admin_socket(process), kAskMax);
    connection.request("GET", path, "Connection: close\r\n", "",
                       [&waiting, &text = answers[process]](const auto& answer) {
                         if (answer && answer->status == 200) text = answer->body;
                         --waiting;
                       });
  }
  while (waiting > 0 && io.run_one() > 0) {
  }
  return answers;
}

std::string_view kind_of(std::string_view process) {
  const std::string_view kind = process.substr(0, process.find_last_not_of("0123456789"));
  constexpr std::string_view kKinds[] = {"balancer", "worker", "hub", "gateway", "shoppers"};
  return std::ranges::find(kKinds, kind) != std::end(kKinds) ? kind : "manufacturer";
}

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

json::object status_document(const UpView& view, std::optional<store::BlockingRedis>& redis,
                             bool agents) {
  auto asking = std::async(std::launch::async, ask_those, std::cref(view), "/status", agents);
  json::object redis_part = redis_document(view, redis);  // While the processes are at it.
  const Answers answers = asking.get();
  json::array processes, restart_keys;
  for (const UpView::Row& row : view.rows) processes.push_back(row_of(row, answers));
  for (const std::string& key : view.restart_keys) restart_keys.emplace_back(key);
  return {{"version", DEPOT_VERSION},
          {"pid", getpid()},
          {"config",
           {{"path", view.config.path},
            {"error", view.config_error},
            {"restart_needed_for", restart_keys}}},
          {"not_ready", view.not_ready()},
          {"workers_wanted", view.config.workers.count},
          {"redis", std::move(redis_part)},
          {"processes", std::move(processes)}};
}

std::string merged_metrics(const UpView& view, const std::string& own) {
  std::map<std::string, Family> families;
  merge("up", own, families);
  for (const auto& [name, text] : ask_those(view, "/metrics")) merge(name, text, families);
  std::string text;
  for (const auto& [name, family] : families) text += family.head + family.samples;
  return text;
}

}  // namespace depot::control

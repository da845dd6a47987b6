#include "control/status_reading.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace depot::control {

namespace json = boost::json;

const json::value& at(const json::value& object, const char* key) {
  static const json::value null;
  const json::value* value = object.is_object() ? object.as_object().if_contains(key) : nullptr;
  return value ? *value : null;
}

std::string text_at(const json::value& object, const char* key) {
  const json::value& value = at(object, key);
  return value.is_string() ? std::string(value.as_string()) : "";
}

std::int64_t number_at(const json::value& object, const char* key) {
  const json::value& value = at(object, key);
  json::error_code error;  // Also for a number that is none of that type.
  const auto number = value.to_number<std::int64_t>(error);
  return error ? 0 : number;
}

std::optional<double> real_at(const json::value& object, const char* key) {
  const json::value& value = at(object, key);
  return value.is_number() ? std::optional(value.to_number<double>()) : std::nullopt;
}

const json::array& list_at(const json::value& object, const char* key) {
  static const json::array none;
  const json::value& value = at(object, key);
  return value.is_array() ? value.as_array() : none;
}

std::vector<std::string> problems_of(const json::value& status) {
  std::vector<std::string> problems;
  const json::value &config = at(status, "config"), &redis = at(status, "redis");
  if (const auto error = text_at(config, "error"); !error.empty()) {
    problems.push_back("config.yml is refused, the old one is in force: " + error);
  }
  for (const json::value& key : list_at(config, "restart_needed_for")) {
    problems.push_back(fmt::format("{} was changed: restart depot up for it to be in force",
                                   std::string_view(key.as_string())));
  }
  if (const auto down = text_at(redis, "not_ready"); !down.empty()) {
    problems.push_back("redis: " + down + "; a private one's log is redis.log in redis.dir");
  } else if (const auto wrong = text_at(redis, "books_wrong"); !wrong.empty()) {
    problems.push_back("the books are wrong: " + wrong + "; `depot audit` says more");
  }
  const auto used = number_at(redis, "used_memory"), most = number_at(redis, "maxmemory");
  if (most > 0 && used > most / 100 * number_at(redis, "purchases_stop_percent")) {
    problems.push_back(
        fmt::format("redis uses {} of {} MiB: new purchases stop; raise redis.maxmemory",
                    used >> 20, most >> 20));
  }
  const json::value& settlement = at(redis, "settlement");
  const std::string overdue = text_at(settlement, "overdue");
  if (!overdue.empty()) problems.push_back(overdue);
  const json::array& first = list_at(settlement, "first");
  for (const json::value& trouble : first) problems.emplace_back(trouble.as_string());
  const auto unseen = number_at(settlement, "troubles") - static_cast<std::int64_t>(first.size());
  if (unseen > 0) problems.push_back(fmt::format("and {} more settlements", unseen));
  for (const json::value& row : list_at(status, "processes")) {
    const std::string name = text_at(row, "name");
    if (const auto reason = text_at(row, "not_ready"); !reason.empty()) {
      problems.push_back(fmt::format("{}: {}; see var/log/{}.log", name, reason, name));
    }
    const json::value& own = at(row, "status");
    if (number_at(own, "queued") * 2 > number_at(own, "queued_max")) {
      problems.push_back(fmt::format("{}: more than half of its queue is full; add workers", name));
    }
  }
  if (number_at(status, "workers_wanted") == 0) {
    problems.push_back("no workers: workers.count is 0");
  }
  return problems;
}

}  // namespace depot::control

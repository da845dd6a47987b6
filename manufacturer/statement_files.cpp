#include "manufacturer/statement_files.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/fatal.hpp"
#include "base/files.hpp"
#include "base/ids.hpp"
#include "base/yaml.hpp"
#include "protocol/statement_text.hpp"

namespace depot::manufacturer {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr std::string_view kBegin = "statement-";
constexpr std::size_t kStatementBytesMax = 256UL * 1024 * 1024;

std::string path_of(const std::string& folder, const std::string& cycle, const char* ending) {
  return fmt::format("{}/{}{}.{}", folder, kBegin, cycle, ending);
}

// Where its part of the ledger ends: "1-57".
std::pair<std::uint64_t, std::uint64_t> end_of(const json::object& statement) {
  std::uint64_t epoch = 0, number = 0;
  const json::value& to = statement.at("ledger").at("to");
  std::sscanf(to.as_string().c_str(), "%lu-%lu", &epoch, &number);
  return {epoch, number};
}

std::optional<json::object> read_statement(const std::string& path) {
  try {
    json::object statement = json::parse(read_text_file(path, kStatementBytesMax)).as_object();
    static_cast<void>(end_of(statement));
    return statement;
  } catch (const std::exception&) {  // No such file, or not ours.
    return std::nullopt;
  }
}

// The data set that it is of.
std::string store_of(const json::object& statement) {
  const json::value* id = statement.if_contains("store_id");
  const std::string text(id && id->is_string() ? std::string_view(id->as_string()) : "");
  return is_name_part(text) ? text : "unknown";
}

bool is_of(const json::object& statement, const std::string& store_id,
           const protocol::LedgerPosition& to) {
  return store_of(statement) == store_id &&
         statement.at("ledger").at("to") == json::value(protocol::to_text(to));
}

// Calls each(cycle, statement) for all that can be read.
template <typename Each>
void for_each_statement(const std::string& folder, Each each) {
  std::error_code none;  // No folder: no statement.
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().stem();
    if (!name.starts_with(kBegin) || entry.path().extension() != ".json") continue;
    std::optional<json::object> found = read_statement(entry.path());
    if (found) each(name.substr(kBegin.size()), std::move(*found));
  }
}

std::string set_aside(const std::string& folder, const std::string& cycle,
                      const json::object& statement) {
  const auto [epoch, number] = end_of(statement);
  std::error_code wrong;
  for (const char* ending : {"csv", "json"}) {  // The one that is looked for last.
    fs::rename(path_of(folder, cycle, ending),
               fmt::format("{}/old-{}-{}-{}-{}.{}", folder, cycle, store_of(statement), epoch,
                           number, ending),
               wrong);
  }
  return wrong ? path_of(folder, cycle, "json") + ": cannot be renamed" : "";
}

}  // namespace

std::string keep_statement(const std::string& folder, const std::string& store_id,
                           const protocol::Statement& statement,
                           const std::vector<std::string>& differences) {
  json::object document = protocol::to_json(statement);
  document["store_id"] = store_id;
  document["agrees"] = differences.empty();
  document["differences"] = json::value_from(differences);
  const std::string path = path_of(folder, statement.cycle, "json");
  std::string why;
  if (const auto old = read_statement(path); old && !is_of(*old, store_id, statement.to)) {
    why = set_aside(folder, statement.cycle, *old);
  }
  if (why.empty()) {
    why = replace_file(path_of(folder, statement.cycle, "csv"), protocol::to_csv(statement));
  }
  return why.empty() ? replace_file(path, json::serialize(document) + "\n") : why;
}

bool has_statement(const std::string& folder, const std::string& store_id, const std::string& cycle,
                   const protocol::LedgerPosition& to) {
  const auto kept = read_statement(path_of(folder, cycle, "json"));
  return kept && is_of(*kept, store_id, to);
}

std::string set_others_aside(const std::string& folder, const std::string& store_id) {
  std::string why;
  for_each_statement(folder, [&](const std::string& cycle, const json::object& statement) {
    if (store_of(statement) != store_id) why += set_aside(folder, cycle, statement);
  });
  return why;
}

std::optional<json::object> find_statement(const std::string& folder, const std::string& cycle) {
  if (!cycle.empty()) return read_statement(path_of(folder, cycle, "json"));
  std::optional<json::object> newest;
  for_each_statement(folder, [&newest](const std::string&, json::object found) {
    if (!newest || end_of(found) > end_of(*newest)) newest = std::move(found);
  });
  return newest;
}

std::string csv_of(const std::string& folder, const std::string& cycle) {
  return read_text_file(path_of(folder, cycle, "csv"), kStatementBytesMax, kExitFailed);
}

std::string table_of(const json::object& statement) {
  const std::string table = protocol::to_table(statement);
  if (statement.at("agrees").as_bool()) return table + "\nour own ledger agrees";
  std::string differences = "\nour own ledger says otherwise (- theirs, + ours):";
  for (const json::value& line : statement.at("differences").as_array()) {
    differences.append("\n").append(line.as_string());
  }
  return table + differences;
}

}  // namespace depot::manufacturer

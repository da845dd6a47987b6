#include <algorithm>
#include <boost/algorithm/hex.hpp>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <span>
#include <unordered_set>

#include "base/fatal.hpp"
#include "base/ids.hpp"
#include "control/audit_books.hpp"

namespace depot::control::audit {
namespace {

struct Asked {  // one attempt of a client
  Id order, client, fingerprint;
  bool done, no;
  auto operator<=>(const Asked&) const = default;
};

Asked parse_line(const std::string& line, AuditResult& result) {
  const auto row = boost::json::parse(line).as_object();
  const auto text = [&row](const char* name) { return std::string(row.at(name).as_string()); };
  const std::string client = text("client"), answer = text("class");
  const std::string order = order_id_for(client, text("key"));
  const Asked asked{to_id(order).value(), to_id(client).value(),
                    to_id(boost::algorithm::unhex(text("fingerprint"))).value(), answer == "done",
                    answer == "no"};
  if (asked.done && row.contains("order_id") && text("order_id") != order) {
    result.add("H2", Harm::doubled, "client {}, key {}: answered with order {}, not {}", client,
               text("key"), text("order_id"), order);
  }
  return asked;
}

void read_file(const std::filesystem::path& path, std::vector<Asked>& asked, AuditResult& result) {
  std::ifstream file(path);
  std::string line;
  std::size_t number = 0;
  while (std::getline(file, line)) {
    ++number;
    try {
      asked.push_back(parse_line(line, result));
    } catch (const std::exception& error) {
      throw StartupError(path.string() + ":" + std::to_string(number) + ": " + error.what(),
                         kExitFailed);
    }
  }
}

// All attempts with one key.
void judge_key(std::span<const Asked> attempts, const Books& books, AuditResult& result) {
  const Asked& one = attempts.front();
  const bool done = std::ranges::any_of(attempts, &Asked::done);
  const bool no = std::ranges::any_of(attempts, &Asked::no);
  const auto record = books.orders.find(one.order);
  const auto placed = record == books.orders.end() ? std::nullopt : record->second.placed;
  const auto add = [&](const char* rule, Harm harm, const char* what) {
    result.add(rule, harm, "order {} of client {}: {}", view(one.order), view(one.client), what);
  };
  if (done && !placed) {
    add("H1", Harm::lost, "acknowledged, and not there");
  } else if (done && (placed->customer != one.client || placed->fingerprint != one.fingerprint)) {
    add("H1", Harm::lost, "acknowledged, and another one is there");
  }
  if (done && no) add("H2", Harm::doubled, "both acknowledged and refused");
  if (done || !no) return;
  if (placed) add("H2", Harm::doubled, "refused, and it is there");
  const auto refusal = books.refused.find(one.order);
  if (refusal == books.refused.end() || refusal->second != one.fingerprint) {
    add("H2", Harm::other, "refused, and no record of it");
  }
}

}  // namespace

void judge_histories(const std::string& folder, const Books& books, AuditResult& result) {
  if (!std::filesystem::is_directory(folder)) {
    throw StartupError(folder + ": no such folder of histories", kExitFailed);
  }
  std::vector<Asked> asked;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() == ".jsonl") read_file(file.path(), asked, result);
  }
  std::ranges::sort(asked);
  result.requests = asked.size();
  std::unordered_set<Id, IdHash> clients, orders;
  for (auto at = asked.begin(); at != asked.end();) {
    const auto end =
        std::find_if(at, asked.end(), [&](const Asked& a) { return a.order != at->order; });
    judge_key({at, end}, books, result);
    clients.insert(at->client);
    orders.insert(at->order);
    at = end;
  }
  for (const auto& [id, record] : books.orders) {
    if (!record.placed || !clients.contains(record.placed->customer) || orders.contains(id)) {
      continue;
    }
    result.add("H3", Harm::doubled, "order {} of client {}: nobody asked for it", view(id),
               view(record.placed->customer));
  }
}

}  // namespace depot::control::audit

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "base/fatal.hpp"
#include "base/ids.hpp"
#include "control/audit_judge.hpp"

namespace depot::control::audit {
namespace {

struct Asked {  // one attempt of a client
  Id order, client;
  std::array<char, 16> fingerprint;
  bool done, no;
  auto operator<=>(const Asked&) const = default;
};

std::array<char, 16> from_hex(std::string_view hex) {
  std::array<char, 16> out{};
  for (std::size_t i = 0; i < out.size() && 2 * i + 1 < hex.size(); ++i) {
    out[i] = static_cast<char>(std::stoi(std::string(hex.substr(2 * i, 2)), nullptr, 16));
  }
  return out;
}

Asked parse_line(const std::string& line, AuditResult& result) {
  const auto row = boost::json::parse(line).as_object();
  const std::string client(row.at("client").as_string());
  const std::string key(row.at("key").as_string());
  const std::string order = order_id_for(client, key);
  const std::string_view answer = row.at("class").as_string();
  Asked asked{to_id(order).value(), to_id(client).value(),
              from_hex(row.at("fingerprint").as_string()), answer == "done", answer == "no"};
  const auto* named = row.if_contains("order_id");
  if (asked.done && named != nullptr && named->as_string() != order) {
    result.add("H2", Harm::doubled,
               "client " + client + ", key " + key + ": answered with order " +
                   std::string(named->as_string()) + ", not " + order);
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
  const bool done = std::any_of(attempts.begin(), attempts.end(), [](auto& a) { return a.done; });
  const bool no = std::any_of(attempts.begin(), attempts.end(), [](auto& a) { return a.no; });
  const Placed* order = find(books.placed, one.order);
  const std::string name =
      "order " + std::string(view(one.order)) + " of client " + std::string(view(one.client));
  const auto as_asked = [&](const auto& row) { return row.fingerprint == one.fingerprint; };
  if (done && order == nullptr) {
    result.add("H1", Harm::lost, name + ": acknowledged, and not there");
  } else if (done && (order->customer != one.client || !as_asked(*order))) {
    result.add("H1", Harm::lost, name + ": acknowledged, and another one is there");
  }
  if (done && no) result.add("H2", Harm::doubled, name + ": both acknowledged and refused");
  if (no && !done && order != nullptr) {
    result.add("H2", Harm::doubled, name + ": refused, and it is there");
  }
  if (no && !done) {
    const Refused* record = find(books.refused, one.order);
    if (record == nullptr || !as_asked(*record)) {
      result.add("H2", Harm::other, name + ": refused, and no record of it");
    }
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
  std::sort(asked.begin(), asked.end());
  result.requests = asked.size();
  std::vector<Id> clients;
  for (std::size_t at = 0; at < asked.size();) {
    std::size_t count = 1;
    while (at + count < asked.size() && asked[at + count].order == asked[at].order) ++count;
    judge_key(std::span(asked).subspan(at, count), books, result);
    clients.push_back(asked[at].client);
    at += count;
  }
  std::sort(clients.begin(), clients.end());
  for (const Placed& order : books.placed) {
    if (!std::binary_search(clients.begin(), clients.end(), order.customer)) continue;
    if (find(asked, order.order) == nullptr) {
      result.add("H3", Harm::doubled,
                 "order " + std::string(view(order.order)) + " of client " +
                     std::string(view(order.customer)) + ": nobody asked for it");
    }
  }
}

}  // namespace depot::control::audit

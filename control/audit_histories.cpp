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
#include "control/audit_request.hpp"

namespace depot::control::audit {

namespace json = boost::json;

namespace {

struct Asked {  // one attempt of a client
  Id order, client, fingerprint;
  std::uint64_t asked;    // digest of the lines; 0: a cart of which the client does not know them
  std::uint64_t receipt;  // digest of what a 201 said
  bool done, no;
  bool settled;  // whatever becomes of other attempts
  bool undone;   // It did nothing, and may be made again.
  std::int64_t invoked, answered;
  std::vector<ToldStock> told;
  auto operator<=>(const Asked&) const = default;
};

struct Cancelling {
  Id order, client;
  bool done;
};

std::int64_t integer(const json::value& value) { return value.to_number<std::int64_t>(); }

std::string text_in(const json::object& row, const char* name) {
  return std::string(row.at(name).as_string());
}

std::vector<RequestLine> lines_in(const json::object& row, const char* name) {
  std::vector<RequestLine> lines;
  const json::value* list = row.if_contains(name);
  if (list == nullptr) return lines;
  for (const json::value& value : list->as_array()) {
    const json::array& line = value.as_array();
    lines.push_back({std::string(line.at(0).as_string()), integer(line.at(1)), {}});
    if (line.size() > 2) lines.back().price = integer(line.at(2));
  }
  return lines;
}

std::uint64_t asked_in(const json::object& row) {
  const json::value* mode = row.if_contains("mode");
  const Request request{.mode = mode != nullptr && *mode == "available",
                        .lines = lines_in(row, "lines")};
  return request.lines.empty() && row.contains("cart_version") ? 0 : digest_of(request);
}

// Whether each line that named a price was bought at it, if it was bought.
bool at_prices_seen(const json::object& row) {
  const std::vector<RequestLine> asked = lines_in(row, "lines");
  const std::vector<RequestLine> bought = lines_in(row, "bought");
  return std::ranges::all_of(asked, [&](const RequestLine& wish) {
    if (!wish.price) return true;
    const auto line = std::ranges::find(bought, wish.offer, &RequestLine::offer);
    return line == bought.end() || line->price == wish.price;
  });
}

std::uint64_t receipt_in(const json::object& row) {
  const json::value* total = row.if_contains("total");
  return total == nullptr ? 0 : receipt_digest(lines_in(row, "bought"), integer(*total));
}

class Histories {
 public:
  Histories(const Books& books, AuditResult& result) : books_(books), result_(result) {}

  void read(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::string line;
    std::size_t number = 0;
    while (std::getline(file, line)) {
      ++number;
      try {
        read_line(line);
      } catch (const std::exception& error) {
        throw StartupError(path.string() + ":" + std::to_string(number) + ": " + error.what(),
                           kExitFailed);
      }
    }
  }

  void judge();

 private:
  void read_line(const std::string& line);
  void judge_key(std::span<const Asked> attempts);
  void judge_row(const Placed& placed, std::span<const Asked> attempts);
  void judge_cancellings(const std::unordered_set<Id, IdHash>& clients);

  const Books& books_;
  AuditResult& result_;
  std::vector<Asked> asked_;
  std::vector<Cancelling> cancellings_;
  boost::unordered_map<Id, Span, IdHash> spans_;  // by order
  std::vector<Statement> refusals_, reads_;
  struct Healed {
    std::int64_t at = 0, within = 0;
  };
  std::optional<Healed> healed_;
};

void Histories::read_line(const std::string& line) {
  const auto row = json::parse(line).as_object();
  const auto text = [&row](const char* name) { return text_in(row, name); };
  const std::string answer = text("class");
  if (answer == "healed") {
    healed_ = {integer(row.at("t_ns")), integer(row.at("within_ms")) * 1'000'000};
    return;
  }
  const std::string client = text("client");
  if (answer == "cancel") {
    cancellings_.push_back(
        {to_id(text("order_id")).value(), to_id(client).value(), integer(row.at("status")) == 200});
    return;
  }
  std::vector<ToldStock> told;
  if (const json::value* list = row.if_contains("told")) {
    for (const json::value& one : list->as_array()) {
      told.push_back({std::string(one.at("offer").as_string()), integer(one.at("requested")),
                      integer(one.at("available"))});
    }
  }
  const std::int64_t invoked = integer(row.at("t_invoke_ns"));
  const std::int64_t answered = integer(row.at("t_done_ns"));
  if (answer == "read") {
    const json::value* lag = row.if_contains("lag_ms");
    const std::int64_t earlier = lag == nullptr ? 0 : integer(*lag) * 1'000'000;
    reads_.push_back({"a read of client " + client, invoked - earlier, answered, std::move(told)});
    return;
  }
  const std::string order = order_id_for(client, text("key"));
  const json::value* status = row.if_contains("status");
  asked_.push_back({to_id(order).value(), to_id(client).value(),
                    to_id(boost::algorithm::unhex(text("fingerprint"))).value(), asked_in(row),
                    receipt_in(row), answer == "done", answer == "no", answer != "unknown",
                    status != nullptr && (*status == 503 || *status == 429), invoked, answered,
                    std::move(told)});
  if (answer == "done" && row.contains("order_id") && text("order_id") != order) {
    result_.add("H2", Harm::doubled, "client {}, key {}: answered with order {}, not {}", client,
                text("key"), text("order_id"), order);
  }
  if (answer == "done" && !at_prices_seen(row)) {
    result_.add("H1", Harm::other, "client {}, key {}: not at the price that was seen", client,
                text("key"));
  }
}

// All attempts with one key.
void Histories::judge_key(std::span<const Asked> attempts) {
  const Asked& one = attempts.front();
  Span& span = spans_[one.order];
  const Asked* refused = nullptr;  // first
  for (const Asked& each : attempts) {
    span.invoked = std::min(span.invoked, each.invoked);
    if (each.done) span.answered = std::min(span.answered, each.answered);
    if (each.no && (refused == nullptr || each.answered < refused->answered)) refused = &each;
  }
  const bool done = span.answered != Span::kNever;
  const auto record = books_.orders.find(one.order);
  const auto placed = record == books_.orders.end() ? std::nullopt : record->second.placed;
  const auto add = [&](const char* rule, Harm harm, const char* what) {
    result_.add(rule, harm, "order {} of client {}: {}", view(one.order), view(one.client), what);
  };
  if (done && !placed) {
    add("H1", Harm::lost, "acknowledged, and not there");
  } else if (done && (placed->customer != one.client || placed->fingerprint != one.fingerprint)) {
    add("H1", Harm::lost, "acknowledged, and another one is there");
  }
  if (placed) judge_row(*placed, attempts);
  if (healed_) {
    std::int64_t settled = Span::kNever, last = 0;
    for (const Asked& each : attempts) {
      if (each.settled) settled = std::min(settled, each.answered);
      last = std::max(last, each.answered);
    }
    if (std::ranges::all_of(attempts, &Asked::undone)) settled = last;
    const std::int64_t due = std::max(healed_->at, span.invoked) + healed_->within;
    if (settled == Span::kNever) {
      add("H8", Harm::other, "never had a definite answer");
    } else if (settled > due) {
      add("H8", Harm::other, "had no definite answer in time");
    }
  }
  if (refused == nullptr) return;
  if (done) return add("H2", Harm::doubled, "both acknowledged and refused");
  if (placed) add("H2", Harm::doubled, "refused, and it is there");
  const auto refusal = books_.refused.find(one.order);
  if (refusal == books_.refused.end() || refusal->second != one.fingerprint) {
    add("H2", Harm::other, "refused, and no record of it");
  }
  for (const Asked& each : attempts) {
    if (each.no && each.told != refused->told) {
      add("H2", Harm::other, "refused twice, with other stock told");
    }
  }
  refusals_.push_back(
      {"order " + std::string(view(one.order)), span.invoked, refused->answered, refused->told});
}

// What is there, beside what was asked for and answered.
void Histories::judge_row(const Placed& placed, std::span<const Asked> attempts) {
  const auto differs = [&](const Asked& each) {
    return each.fingerprint == placed.fingerprint && each.asked != 0 && each.asked != placed.asked;
  };
  const auto misinformed = [&](const Asked& each) {
    return each.done && each.receipt != placed.receipt;
  };
  const Asked& one = attempts.front();
  if (std::ranges::any_of(attempts, differs)) {
    result_.add("H1", Harm::lost, "order {} of client {}: other lines than were asked for",
                view(one.order), view(one.client));
  }
  if (std::ranges::any_of(attempts, misinformed)) {
    result_.add("H1", Harm::other, "order {} of client {}: answered with other lines or money",
                view(one.order), view(one.client));
  }
}

void Histories::judge_cancellings(const std::unordered_set<Id, IdHash>& clients) {
  std::unordered_set<Id, IdHash> asked;
  for (const Cancelling& one : cancellings_) {
    asked.insert(one.order);
    const auto record = books_.orders.find(one.order);
    const bool there = record != books_.orders.end() && !record->second.cancelled.empty();
    if (!one.done || there) continue;
    result_.add("H9", Harm::other, "order {} of client {}: told that it is cancelled",
                view(one.order), view(one.client));
  }
  for (const auto& [id, record] : books_.orders) {
    const bool ours = record.placed && clients.contains(record.placed->customer);
    if (!ours || record.cancelled.empty() || asked.contains(id)) continue;
    result_.add("H9", Harm::other, "order {} of client {}: cancelled, which nobody asked for",
                view(id), view(record.placed->customer));
  }
}

void Histories::judge() {
  std::ranges::sort(asked_);
  result_.requests = asked_.size() + reads_.size() + cancellings_.size();
  std::unordered_set<Id, IdHash> clients;
  for (auto at = asked_.begin(); at != asked_.end();) {
    const auto end =
        std::find_if(at, asked_.end(), [&](const Asked& a) { return a.order != at->order; });
    judge_key({at, end});
    clients.insert(at->client);
    at = end;
  }
  for (const auto& [id, record] : books_.orders) {
    if (!record.placed || !clients.contains(record.placed->customer) || spans_.contains(id)) {
      continue;
    }
    result_.add("H3", Harm::doubled, "order {} of client {}: nobody asked for it", view(id),
                view(record.placed->customer));
  }
  judge_cancellings(clients);
  judge_times(spans_, refusals_, reads_, books_, result_);
}

}  // namespace

void judge_histories(const std::string& folder, const Books& books, AuditResult& result) {
  if (!std::filesystem::is_directory(folder)) {
    throw StartupError(folder + ": no such folder of histories", kExitFailed);
  }
  Histories histories(books, result);
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() == ".jsonl") histories.read(file.path());
  }
  histories.judge();
}

}  // namespace depot::control::audit

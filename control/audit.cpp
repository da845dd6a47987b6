#include "control/audit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "control/audit_books.hpp"
#include "control/audit_judge.hpp"

namespace depot::control::audit {
namespace {

constexpr std::size_t kRowsPerCommand = 500;
// An order that a customer places or cancels while we read looks wrong once or twice, since it is
// placed once and cancelled once; wrong three times it is wrong.
constexpr int kRounds = 3;

bool behind(std::string_view& key, std::string_view prefix) {
  if (!key.starts_with(prefix)) return false;
  key.remove_prefix(prefix.size());
  return true;
}

template <typename T>
void keep_of(const std::vector<T>& from, const std::vector<Id>& orders, std::vector<T>& to) {
  for (const T& item : from) {
    if (std::binary_search(orders.begin(), orders.end(), item.order)) to.push_back(item);
  }
}

class Audit {
 public:
  explicit Audit(const AuditOptions& options) : redis_(options.redis_url) {}

  AuditResult run(const std::string& histories) {
    read_rows();
    read_ledgers();
    books_.sort();
    count();
    judge_orders();
    if (!histories.empty()) judge_histories(histories, books_, result_);
    return std::move(result_);
  }

 private:
  void read_rows();
  void read_refusals(const std::string& key);
  void read_ledgers();
  void extend_ledgers();
  void count();
  void judge_orders();
  Books read_again(const std::vector<Id>& orders);
  // Calls `row` with each id whose key prefix + id holds a value.
  void get(const std::string& prefix, std::span<const Id> ids,
           const std::function<void(const Id&, std::string_view)>& row);

  Redis redis_;
  AuditResult result_;
  Books books_;
  std::vector<Ledger> ledgers_;                    // by index of Books::makers
  std::vector<std::array<std::string, 3>> stock_;  // cycle, manufacturer, sku: rows there are
};

void Audit::get(const std::string& prefix, std::span<const Id> ids,
                const std::function<void(const Id&, std::string_view)>& row) {
  for (std::size_t at = 0; at < ids.size(); at += kRowsPerCommand) {
    const auto some = ids.subspan(at, std::min(kRowsPerCommand, ids.size() - at));
    std::vector<std::string> command = {"MGET"};
    for (const Id& id : some) command.push_back(prefix + std::string(view(id)));
    const Reply values = redis_.command(command);
    for (std::size_t i = 0; i < some.size(); ++i) {
      const redisReply* value = values->element[i];
      if (value->type == REDIS_REPLY_STRING) row(some[i], text_of(value));
    }
  }
}

void Audit::read_rows() {
  std::vector<Id> orders, states, customers;
  std::vector<std::string> refusals, cycles;
  redis_.scan([&](std::string_view key) {
    const std::string_view whole = key;
    std::vector<Id>* ids = behind(key, "order:{s0}:")        ? &orders
                           : behind(key, "orderstate:{s0}:") ? &states
                           : behind(key, "orders:{s0}:")     ? &customers
                                                             : nullptr;
    if (ids != nullptr) {
      const auto id = to_id(key);
      if (id) ids->push_back(*id);
      if (!id) result_.add("L5", Harm::other, std::string(whole) + ": malformed key");
    } else if (behind(key, "refused:{s0}:")) {
      refusals.emplace_back(whole);
    } else if (behind(key, "stock:{s0}:")) {
      cycles.emplace_back(key);
    } else if (behind(key, "ledger:{s0}:")) {
      books_.maker(key);
    }
  });
  for (const std::string& key : refusals) read_refusals(key);
  for (const std::string& cycle : cycles) {
    redis_.scan_hash("stock:{s0}:" + cycle, [&](std::string_view offer, std::string_view) {
      const std::size_t colon = std::min(offer.find(':'), offer.size() - 1);
      stock_.push_back(
          {cycle, std::string(offer.substr(0, colon)), std::string(offer.substr(colon + 1))});
    });
  }
  get("order:{s0}:", orders,
      [&](const Id& id, std::string_view row) { books_.add_order(id, row, result_); });
  get("orderstate:{s0}:", states,
      [&](const Id& id, std::string_view row) { books_.add_state(id, row, result_); });
  get("orders:{s0}:", customers,
      [&](const Id& id, std::string_view row) { books_.add_list(id, row, result_); });
}

void Audit::read_refusals(const std::string& key) {
  redis_.scan_hash(key, [&](std::string_view order, std::string_view row) {
    const auto id = to_id(order);
    if (!id || row.size() < 16) {
      return result_.add("L7", Harm::other, key + " " + std::string(order) + ": malformed");
    }
    Refused refused{*id, {}};
    std::copy_n(row.begin(), refused.fingerprint.size(), refused.fingerprint.begin());
    books_.refused.push_back(refused);
  });
}

void Audit::read_ledgers() {
  const Reply heads = redis_.command({"HKEYS", "heads:{s0}"});
  for (std::size_t i = 0; i < heads->elements; ++i) books_.maker(text_of(heads->element[i]));
  for (const auto& [cycle, maker, sku] : stock_) books_.maker(maker);
  extend_ledgers();
  for (Ledger& ledger : ledgers_) ledger.compare_counters(books_, result_);
  for (const auto& [cycle, maker, sku] : stock_) {
    if (ledgers_[books_.maker(maker)].knows(cycle, sku)) continue;
    result_.add("L3", Harm::other,
                fmt::format("{}:{} in cycle {}: a stock row without an offer in the ledger", maker,
                            sku, cycle));
  }
}

void Audit::extend_ledgers() {
  for (std::size_t i = ledgers_.size(); i < books_.makers.size(); ++i) {
    ledgers_.emplace_back(redis_, books_.makers[i], static_cast<std::uint32_t>(i));
  }
  for (Ledger& ledger : ledgers_) ledger.read_on(books_, result_);
}

void Audit::count() {
  result_.manufacturers = ledgers_.size();
  for (std::size_t i = 0; i < ledgers_.size(); ++i) {
    const Position head = ledgers_[i].head();
    result_.offers += ledgers_[i].offers();
    result_.heads.push_back({books_.makers[i], head.epoch, head.number});
  }
  result_.orders = books_.placed.size();
  result_.refusals = books_.refused.size();
  std::vector<Id> customers;
  for (const Placed& order : books_.placed) customers.push_back(order.customer);
  std::sort(customers.begin(), customers.end());
  result_.customers = static_cast<std::uint64_t>(std::unique(customers.begin(), customers.end()) -
                                                 customers.begin());
  for (std::size_t i = 0; i < books_.cancelled.size(); ++i) {
    result_.cancelled += i == 0 || books_.cancelled[i].order != books_.cancelled[i - 1].order;
  }
}

void Audit::judge_orders() {
  AuditResult findings;
  std::vector<Id> suspects = audit::judge_orders(books_, redis_, findings);
  for (int round = 1; round < kRounds && !suspects.empty(); ++round) {
    Books again = read_again(suspects);
    findings = AuditResult{};
    suspects = audit::judge_orders(again, redis_, findings);
  }
  result_.take(std::move(findings));
}

Books Audit::read_again(const std::vector<Id>& orders) {
  AuditResult said;  // What is malformed was said at the first reading.
  Books again;
  for (const std::string& maker : books_.makers) again.maker(maker);
  get("order:{s0}:", orders,
      [&](const Id& id, std::string_view row) { again.add_order(id, row, said); });
  get("orderstate:{s0}:", orders,
      [&](const Id& id, std::string_view row) { again.add_state(id, row, said); });
  Books lists;
  keep_of(books_.listed, orders, lists.listed);
  std::vector<Id> customers;
  for (const Placed& order : again.placed) customers.push_back(order.customer);
  for (const Listed& one : lists.listed) customers.push_back(one.customer);
  std::sort(customers.begin(), customers.end());
  customers.erase(std::unique(customers.begin(), customers.end()), customers.end());
  lists.listed.clear();
  get("orders:{s0}:", customers,
      [&](const Id& id, std::string_view row) { lists.add_list(id, row, said); });
  keep_of(lists.listed, orders, again.listed);

  for (std::size_t i = books_.makers.size(); i < again.makers.size(); ++i) {
    books_.maker(again.makers[i]);
  }
  extend_ledgers();
  keep_of(books_.refused, orders, again.refused);
  keep_of(books_.sold, orders, again.sold);
  keep_of(books_.cancelled, orders, again.cancelled);
  again.sort();
  return again;
}

}  // namespace

void AuditResult::add(std::string_view rule, Harm harm, std::string text) {
  ++violations;
  lost += harm == Harm::lost;
  doubled += harm == Harm::doubled;
  if (first.size() < kShownMax) first.push_back({std::string(rule), std::move(text)});
}

void AuditResult::take(AuditResult&& findings) {
  violations += findings.violations;
  lost += findings.lost;
  doubled += findings.doubled;
  for (Violation& one : findings.first) {
    if (first.size() < kShownMax) first.push_back(std::move(one));
  }
}

AuditResult run(const AuditOptions& options) { return Audit(options).run(options.histories); }

}  // namespace depot::control::audit

#include "control/audit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <span>
#include <unordered_set>

#include "control/audit_books.hpp"

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

std::vector<Id> sorted(std::vector<Id> ids) {
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

class Audit {
 public:
  Audit(const RedisLogin& login, const Progress& progress) : redis_(login), progress_(progress) {}

  AuditResult run(const Witnesses& witnesses) {
    books_.keeps_stock = !witnesses.histories.empty();
    read_rows();
    read_ledgers();
    judge_packs();
    count();
    judge_orders();
    judge_requests(books_, redis_, result_);
    if (!witnesses.histories.empty()) judge_histories(witnesses.histories, books_, result_);
    if (!witnesses.agents.empty()) judge_agents(witnesses.agents, redis_, result_);
    return std::move(result_);
  }

 private:
  void read_rows();
  void read_orders(const std::vector<Id>& orders, const std::vector<Id>& states);
  void read_lists(const std::vector<Id>& customers, const std::vector<Id>* among);
  void read_ledgers();
  void read_packs();
  void judge_packs();
  void extend_ledgers();
  void count();
  void judge_orders();
  void read_again(const std::vector<Id>& orders);
  // Calls `row` with each id whose key prefix + id holds a value.
  void get(const std::string& prefix, std::span<const Id> ids,
           const std::function<void(const Id&, std::string_view)>& row);

  void say(std::string_view what, std::uint64_t done) const {
    if (progress_) progress_(what, done);
  }

  Redis redis_;
  const Progress& progress_;
  AuditResult result_;
  Books books_{result_};
  std::vector<Ledger> ledgers_;  // by index of Books::makers
  struct Offer {
    std::string cycle, manufacturer, sku;
  };
  std::vector<Offer> stock_;                                          // rows there are
  std::map<std::string, std::int64_t> states_;                        // of cycles
  std::map<std::pair<std::string, std::string>, std::string> packs_;  // sums by cycle and maker
  Missing missing_;                                                   // by the hub and the operator
};

void Audit::get(const std::string& prefix, std::span<const Id> ids,
                const std::function<void(const Id&, std::string_view)>& row) {
  std::span<const Id> asked, some;
  const auto ask = [&](std::size_t at) {
    asked = ids.subspan(at, std::min(kRowsPerCommand, ids.size() - at));
    std::vector<std::string> command = {"MGET"};
    for (const Id& id : asked) command.push_back(prefix + std::string(view(id)));
    if (!asked.empty()) redis_.send(command);
  };
  ask(0);
  for (std::size_t at = 0; at < ids.size(); at += some.size()) {
    some = asked;
    const Reply values = redis_.receive();
    ask(at + some.size());
    say("rows", at + some.size());
    for (std::size_t i = 0; i < some.size(); ++i) {
      const redisReply* value = item_of(values.get(), i);
      if (value->type == REDIS_REPLY_STRING) row(some[i], text_of(value));
    }
  }
}

void Audit::read_rows() {
  std::vector<Id> orders, states, customers;
  std::vector<std::string> refusals, cycles;
  std::uint64_t keys = 0;
  redis_.scan("", [&](std::string_view key, std::string_view) {
    if (++keys % kRowsPerCommand == 0) say("keys", keys);
    const std::string_view whole = key;
    std::vector<Id>* ids = behind(key, "order:{s0}:")        ? &orders
                           : behind(key, "orderstate:{s0}:") ? &states
                           : behind(key, "orders:{s0}:")     ? &customers
                                                             : nullptr;
    if (ids != nullptr) {
      const auto id = to_id(key);
      if (id) ids->push_back(*id);
      if (!id) result_.add("L5", Harm::other, "{}: malformed key", whole);
    } else if (behind(key, "refused:{s0}:")) {
      refusals.emplace_back(whole);
    } else if (behind(key, "stock:{s0}:")) {
      cycles.emplace_back(key);
    } else if (behind(key, "ledger:{s0}:")) {
      books_.maker(key);
    }
  });
  for (const std::string& key : refusals) {
    redis_.scan(key, [&](auto order, auto row) { books_.add_refusal(key, order, row); });
  }
  for (const std::string& cycle : cycles) {
    redis_.scan("stock:{s0}:" + cycle, [&](std::string_view offer, std::string_view) {
      const std::size_t colon = std::min(offer.find(':'), offer.size() - 1);
      stock_.push_back(
          {cycle, std::string(offer.substr(0, colon)), std::string(offer.substr(colon + 1))});
    });
  }
  read_packs();
  books_.orders.reserve(orders.size());
  read_orders(orders, states);
  read_lists(sorted(std::move(customers)), nullptr);
}

void Audit::read_orders(const std::vector<Id>& orders, const std::vector<Id>& states) {
  get("order:{s0}:", orders, [&](const Id& id, auto row) { books_.add_order(id, row); });
  get("orderstate:{s0}:", states, [&](const Id& id, auto row) { books_.add_state(id, row); });
}

void Audit::read_lists(const std::vector<Id>& customers, const std::vector<Id>* among) {
  get("orders:{s0}:", customers, [&](const Id& id, auto row) { books_.add_list(id, row, among); });
}

void Audit::read_ledgers() {
  const Reply heads = redis_.command({"HKEYS", "heads:{s0}"});
  for (std::size_t i = 0; i < heads->elements; ++i) books_.maker(text_of(heads->element[i]));
  for (const Offer& offer : stock_) books_.maker(offer.manufacturer);
  extend_ledgers();
  for (Ledger& ledger : ledgers_) ledger.compare_counters();
  for (const auto& [cycle, maker, sku] : stock_) {
    if (ledgers_[books_.maker(maker)].knows(cycle, sku)) continue;
    result_.add("L3", Harm::other, "{}:{} in cycle {}: a stock row without an offer in the ledger",
                maker, sku, cycle);
  }
}

// States first: a cycle that is seen as settled has had its packs before.
void Audit::read_packs() {
  redis_.scan("cycles:{s0}", [&](std::string_view cycle, std::string_view row) {
    Walk walk(row);
    walk.list();
    walk.text();
    states_[std::string(cycle)] = walk.number();
  });
  redis_.scan("troubles:{s0}", [&](std::string_view name, std::string_view row) {
    const std::size_t colon = std::min(name.find(':'), name.size() - 1);
    Walk walk(row);
    const bool none = walk.number() == 0;
    walk.number();
    if (!none) return;
    missing_[{std::string(name.substr(0, colon)), std::string(name.substr(colon + 1))}] =
        walk.text();
  });
  for (const auto& state : states_) {
    const std::string& cycle = state.first;
    redis_.scan("resolved:{s0}:" + cycle, [&](std::string_view maker, std::string_view) {
      missing_[{cycle, std::string(maker)}] = "";
    });
    redis_.scan("packs:{s0}:" + cycle, [&](std::string_view maker, std::string_view sums) {
      packs_[{cycle, std::string(maker)}] = sums;
    });
  }
}

void Audit::judge_packs() {
  for (const auto& [name, sums] : packs_) books_.maker(name.second);
  extend_ledgers();
  for (const auto& [name, sums] : packs_) {
    const auto& [cycle, maker] = name;
    const std::string key = fmt::format("pack:{{s0}}:{}:{}", cycle, maker);
    const Reply pack = redis_.command({"GET", key});
    ledgers_[books_.maker(maker)].judge_pack(cycle, sums, text_of(pack.get()));
  }
  for (Ledger& ledger : ledgers_) ledger.judge_settled(states_, missing_);
}

void Audit::extend_ledgers() {
  while (ledgers_.size() < books_.makers.size()) {
    ledgers_.emplace_back(redis_, books_, result_, static_cast<std::uint32_t>(ledgers_.size()));
  }
  for (Ledger& ledger : ledgers_) {
    ledger.read_on();
    say("ledger entries", result_.entries);
  }
}

void Audit::count() {
  result_.manufacturers = ledgers_.size();
  for (std::size_t i = 0; i < ledgers_.size(); ++i) {
    const Position head = ledgers_[i].head();
    result_.offers += ledgers_[i].offers();
    result_.heads.push_back({books_.makers[i], head.epoch, head.number});
  }
  std::unordered_set<Id, IdHash> customers;
  for (const auto& [id, record] : books_.orders) {
    if (record.placed) {
      ++result_.orders;
      customers.insert(record.placed->customer);
    }
    result_.cancelled += !record.cancelled.empty();
  }
  result_.customers = customers.size();
  result_.refusals = books_.refused.size();
}

void Audit::judge_orders() {
  std::vector<Id> orders;
  orders.reserve(books_.orders.size());
  for (const auto& [id, record] : books_.orders) orders.push_back(id);
  for (int round = 1; !orders.empty(); ++round) {
    const AuditResult before = result_;
    std::erase_if(orders, [&](const Id& id) { return judge_order(id, books_, redis_, result_); });
    if (orders.empty() || round == kRounds) return;
    result_ = before;
    orders = sorted(std::move(orders));
    read_again(orders);
  }
}

// Rows, then ledgers; what is malformed was said at the first reading. REQUIRES: sorted.
void Audit::read_again(const std::vector<Id>& orders) {
  const AuditResult before = result_;
  std::vector<Id> customers;
  for (const Id& id : orders) {
    Record& record = books_.orders[id];
    customers.insert(customers.end(), record.listed.begin(), record.listed.end());
    record.placed.reset();
    record.parts.clear();
    record.statuses.clear();
    record.listed.clear();
  }
  read_orders(orders, orders);
  for (const Id& id : orders) {
    const Record& record = books_.orders[id];
    if (record.placed) customers.push_back(record.placed->customer);
  }
  read_lists(sorted(std::move(customers)), &orders);
  result_ = before;
  extend_ledgers();
}

}  // namespace

AuditResult run(const RedisLogin& login, const Witnesses& witnesses, const Progress& progress) {
  return Audit(login, progress).run(witnesses);
}

}  // namespace depot::control::audit

#include "control/audit_books.hpp"

#include <algorithm>

namespace depot::control::audit {
namespace {

std::array<char, 16> to_fingerprint(std::string_view bytes) {
  std::array<char, 16> out{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), out.size()), out.begin());
  return out;
}

template <typename T>
void sort_unique(std::vector<T>& items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

std::string offer_key(std::string_view cycle, std::string_view sku) {
  return std::string(cycle) + '\0' + std::string(sku);
}

}  // namespace

std::uint32_t Books::maker(std::string_view name) {
  const auto known = maker_index_.find(name);
  if (known != maker_index_.end()) return known->second;
  makers.emplace_back(name);
  return maker_index_[std::string(name)] = static_cast<std::uint32_t>(makers.size() - 1);
}

void Books::add_order(const Id& id, std::string_view bytes, AuditResult& result) {
  const auto row = read_order(bytes);
  const auto customer = row ? to_id(row->customer) : std::nullopt;
  if (!customer || row->lines.empty()) {
    return result.add("L5", Harm::lost, "order " + std::string(view(id)) + ": malformed row");
  }
  placed.push_back({id, *customer, to_fingerprint(row->fingerprint),
                    static_cast<std::uint32_t>(row->parts.size())});
  std::vector<std::uint64_t> digests(row->parts.size());
  for (const RowLine& line : row->lines) {
    digests[line.part] += line_digest(row->cycle, line.sku, line.quantity, line.price);
  }
  for (std::size_t i = 0; i < digests.size(); ++i) {
    parts.push_back({id, maker(row->parts[i].manufacturer), static_cast<std::uint32_t>(i),
                     row->parts[i].sold_at, digests[i]});
  }
}

void Books::add_state(const Id& id, std::string_view bytes, AuditResult& result) {
  Walk walk(bytes);
  State state{id, {}};
  state.statuses.resize(walk.list());
  for (std::int64_t& status : state.statuses) status = walk.number();
  if (!walk.at_end()) {
    return result.add("L5", Harm::other, "orderstate of " + std::string(view(id)) + ": malformed");
  }
  states.push_back(std::move(state));
}

void Books::add_list(const Id& customer, std::string_view ids, AuditResult& result) {
  if (ids.size() % 16 != 0) {
    result.add("L8", Harm::other, "account " + std::string(view(customer)) + ": torn list");
  }
  for (std::size_t i = 0; (i + 1) * 16 <= ids.size(); ++i) {
    listed.push_back({*to_id(ids.substr(i * 16, 16)), customer, static_cast<std::uint32_t>(i)});
  }
}

void Books::sort() {
  sort_unique(placed);
  sort_unique(parts);
  sort_unique(states);
  sort_unique(listed);
  sort_unique(refused);
  std::sort(sold.begin(), sold.end());
  std::sort(cancelled.begin(), cancelled.end());
}

std::string Ledger::Counters::text() const {
  std::string out;
  for (const auto& [label, value] :
       std::initializer_list<std::pair<const char*, std::int64_t>>{{"price ", price},
                                                                   {", wanted ", wanted},
                                                                   {", offered ", offered},
                                                                   {", cut ", cut},
                                                                   {", sold ", sold}}) {
    out += label + std::to_string(value);
  }
  return out;
}

Ledger::Ledger(Redis& redis, std::string maker, std::uint32_t index)
    : redis_(redis), maker_(std::move(maker)), index_(index) {}

void Ledger::read_on(Books& books, AuditResult& result, const std::string& until) {
  while (true) {
    // Stream ids begin at 0-1, so 0-0 is before everything.
    const std::string from = last_.epoch == 0 ? "0-0" : "(" + last_.text();
    const Reply page =
        redis_.command({"XRANGE", "ledger:{s0}:" + maker_, from, until, "COUNT", "500"});
    for (std::size_t i = 0; i < page->elements; ++i) {
      const redisReply* item = page->element[i];
      const Position at = to_position(text_of(item->element[0])).value_or(Position{});
      const redisReply* fields = item->element[1];
      const auto entry = fields->elements == 2 && text_of(fields->element[0]) == "e"
                             ? read_entry(text_of(fields->element[1]))
                             : std::nullopt;
      const bool next = at == Position{last_.epoch, last_.number + 1} && at.epoch > 0;
      const bool opens = at.epoch == last_.epoch + 1 && at.number == 0;
      if (!next && !opens) {
        result.add("L1", Harm::lost, name(at) + ": a gap, the entry before it is " + last_.text());
      }
      if (!entry) {
        result.add("L9", Harm::lost, name(at) + ": malformed entry");
      } else if ((at.number == 0) != (entry->kind == Kind::epoch) ||
                 (at.number == 0 && at.epoch > 1 && entry->previous != last_)) {
        result.add("L1", Harm::lost, name(at) + ": does not chain to " + last_.text());
      } else {
        judge(at, *entry, books, result);
      }
      last_ = at;
      ++result.entries;
    }
    if (page->elements == 0) return;
  }
}

void Ledger::judge(Position at, const Entry& entry, Books& books, AuditResult& result) {
  const bool sale = entry.kind == Kind::sold;
  if (entry.kind == Kind::state) return;
  auto& parts = sale ? books.sold : books.cancelled;
  const std::size_t before = parts.size();  // One part per order of the entry, its rows together.
  for (const EntryRow& row : entry.rows) {
    judge_row(at, entry, row, result);
    if (entry.kind == Kind::offer) continue;
    const auto order = to_id(row.order);
    if (!order) {
      result.add("L9", Harm::other, name(at) + ": malformed order id");
      continue;
    }
    if (parts.size() == before || parts.back().order != *order) {
      parts.push_back({*order, index_, 0, at, 0});
    }
    parts.back().digest += line_digest(entry.cycle, row.sku, row.quantity, row.price);
  }
}

void Ledger::judge_row(Position at, const Entry& entry, const EntryRow& row, AuditResult& result) {
  const auto key = offer_key(entry.cycle, row.sku);
  if (entry.kind != Kind::offer && !counters_.contains(key)) {
    result.add("L6", Harm::other, name(at) + ": " + std::string(row.sku) + " was never offered");
  }
  Counters& now = counters_[key];
  if (entry.kind == Kind::offer) {
    now.wanted = row.quantity;
    now.price = row.price;
  } else if (row.quantity <= 0 || (entry.kind == Kind::sold && row.price != now.price)) {
    result.add("L2", Harm::other,
               name(at) + ": order " + std::string(row.order) + " " + std::to_string(row.quantity) +
                   " x " + std::string(row.sku) + " at " + std::to_string(row.price) +
                   ", offered at " + std::to_string(now.price));
  }
  const std::int64_t direction = entry.kind == Kind::sold ? 1 : -1;
  if (entry.kind != Kind::offer) {
    now.sold += direction * row.quantity;
    result.units_sold += direction * row.quantity;
    result.money_minor += direction * row.quantity * row.price;
  }
  if (entry.kind != Kind::sold) {
    const std::int64_t target = std::max(now.wanted, now.sold);
    const std::int64_t net = now.offered - now.cut;
    (target > net ? now.offered : now.cut) += std::abs(target - net);
    if (row.offered != now.offered || row.cut != now.cut) {
      result.add("L4", Harm::other,
                 name(at) + ": " + std::string(row.sku) + " says offered " +
                     std::to_string(row.offered) + ", cut " + std::to_string(row.cut) +
                     "; it follows offered " + std::to_string(now.offered) + ", cut " +
                     std::to_string(now.cut));
    }
  }
  const std::int64_t available = now.offered - now.sold - now.cut;
  if (available < now.worst) {
    result.oversold += now.worst - available;
    now.worst = available;
  }
  if (available < 0 || available != row.available) {
    result.add("L2", Harm::other,
               name(at) + ": " + std::string(row.sku) + " says " + std::to_string(row.available) +
                   " available, it is " + std::to_string(available));
  }
}

bool Ledger::knows(std::string_view cycle, std::string_view sku) const {
  return counters_.contains(offer_key(cycle, sku));
}

void Ledger::compare_counters(Books& books, AuditResult& result) {
  const std::string stream = "ledger:{s0}:" + maker_;
  read_on(books, result);
  while (true) {  // Again where an offer came up between the walk and the question.
    std::vector<std::vector<std::string>> questions = {
        {"XREVRANGE", stream, "+", "-", "COUNT", "1"},
        {"HGET", "heads:{s0}", maker_},
        {"HGET", "accepted:{s0}", maker_}};
    for (const auto& [key, counters] : counters_) {
      const std::size_t cycle = key.find('\0');
      questions.push_back(
          {"HGET", "stock:{s0}:" + key.substr(0, cycle), maker_ + ":" + key.substr(cycle + 1)});
    }
    const std::size_t asked = counters_.size();
    const Reply moment = redis_.together(questions);
    const redisReply* newest = moment->element[0];
    if (newest->elements == 1) {
      read_on(books, result, std::string(text_of(newest->element[0]->element[0])));
    }
    if (counters_.size() == asked) return compare(moment, result);
  }
}

void Ledger::compare(const Reply& moment, AuditResult& result) {
  const auto head = read_position(text_of(moment->element[1]));
  if (head != last_) {
    result.add("L3", Harm::other,
               maker_ + ": the head says " + (head ? head->text() : "nothing") +
                   ", the newest entry is " + last_.text());
  }
  const auto accepted = read_position(text_of(moment->element[2]));
  if (accepted && *accepted > last_) {
    result.add("L3", Harm::other, maker_ + ": accepted " + accepted->text() + " is not there");
  }
  std::size_t index = 3;
  for (const auto& [key, now] : counters_) {
    Walk row(text_of(moment->element[index++]));
    const Counters says{row.number(), row.number(), row.number(), row.number(), row.number(), 0};
    const Counters is{now.price, now.wanted, now.offered, now.cut, now.sold, 0};
    if (row.ok() && says == is) continue;
    result.add("L3", Harm::other,
               maker_ + ":" + key.substr(key.find('\0') + 1) + " in cycle " +
                   key.substr(0, key.find('\0')) + ": the row says " +
                   (row.ok() ? says.text() : "nothing readable") + "; the ledger " + is.text());
  }
}

}  // namespace depot::control::audit

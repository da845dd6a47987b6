// S1, S2: each statement (settlement pack) says what the ledger adds up to, by code of its own.
#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.hpp"
#include "control/audit_books.hpp"

namespace depot::control::audit {
namespace {

constexpr std::int64_t kOpen = 2, kClosed = 4, kSettling = 5;  // states of a cycle
constexpr std::size_t kPackFields = 13, kOfferFields = 7, kSaleFields = 4;

// The end of "<cycle>\0<sku>", where it is of that cycle; "" else.
std::string_view sku_of(const std::string& key, std::string_view cycle) {
  const std::size_t end = key.find('\0');
  return std::string_view(key).substr(0, end) == cycle ? std::string_view(key).substr(end + 1) : "";
}

}  // namespace

void Ledger::turn(Position at, const Entry& entry) {
  const std::int64_t state = entry.rows.front().quantity;
  if (state == kClosed) closed_[std::string(entry.cycle)] = at;
  if (state != kOpen) return;
  for (auto& [key, counters] : counters_) {
    if (!sku_of(key, entry.cycle).empty()) counters.opening = counters.offered;
  }
}

// The text that a pack of this ledger is hashed by, up to its fee; and the sums it ends with.
std::string Ledger::statement_text(const std::string& cycle, std::string_view currency,
                                   std::int64_t& units, Money& gross) const {
  std::string text = fmt::format("depot-statement 1\ncycle {}\nmanufacturer {}\ncurrency {}\n",
                                 cycle, maker_, currency);
  for (auto at = counters_.lower_bound(cycle + '\0'); at != counters_.end(); ++at) {
    const auto& [key, is] = *at;
    const std::string_view sku = sku_of(key, cycle);
    if (sku.empty()) break;
    text += fmt::format("offer {} {} {} {} {} {} {}\n", sku, is.opening, is.offered - is.opening,
                        is.cut, is.sold, is.cancelled, is.offered - is.cut - is.sold);
  }
  for (const auto& [key, sold] : sales_) {
    const auto& [of_cycle, sku, price] = key;
    if (of_cycle != cycle || sold == 0) continue;
    const Money money = Money(price) * sold;
    text += fmt::format("sale {} {} {} {}\n", sku, price, sold, money);
    units += sold;
    gross += money;
  }
  return text;
}

void Ledger::judge_pack(const std::string& cycle, std::string_view sums, std::string_view pack) {
  const std::string what = fmt::format("the statement of {} for {}", maker_, cycle);
  Walk walk(pack);
  const auto fields = walk.list();
  const std::string hash(walk.text());
  const std::int64_t units = walk.number(), gross = walk.number(), rate = walk.number();
  const std::int64_t fee = walk.number(), net = walk.number();
  const std::string_view of_cycle = walk.text(), maker = walk.text(), currency = walk.text();
  Walk listed(sums);
  if (listed.text() != hash || listed.number() != units || listed.number() != gross ||
      listed.number() != fee || listed.number() != net || !listed.at_end()) {
    result_.add("S1", Harm::other, "{}: its sums stand otherwise in the list of the cycle", what);
  }
  const std::size_t offers = walk.list();
  for (std::size_t i = 0; i < offers && walk.ok(); i += kOfferFields) {
    const std::string_view sku = walk.text();
    const std::int64_t opening = walk.number(), increases = walk.number(), cuts = walk.number();
    const std::int64_t sold = walk.number();
    walk.number();
    const std::int64_t unsold = walk.number();
    if (opening + increases - cuts != sold + unsold) {
      result_.add("S1", Harm::other, "{}: {}: {} + {} - {} is not {} + {}", what, sku, opening,
                  increases, cuts, sold, unsold);
    }
  }
  const std::size_t sales = walk.list();
  for (std::size_t i = 0; i < sales && walk.ok(); i += kSaleFields) {
    walk.text(), walk.number(), walk.number(), walk.number();
  }
  walk.list();
  const Position from{walk.number(), walk.number()}, to{walk.number(), walk.number()};
  if (fields != kPackFields || !walk.ok() || of_cycle != cycle || maker != maker_) {
    return result_.add("S1", Harm::other, "{}: malformed", what);
  }
  const auto closed = closed_.find(cycle);
  if (closed == closed_.end() || closed->second != to) {
    result_.add("S1", Harm::other, "{}: ends at {}; the ledger closes it at {}", what, to.text(),
                closed == closed_.end() ? "no entry" : closed->second.text());
  }
  Position begins{1, 0};
  for (const auto& [id, at] : closed_) {
    if (at < to) begins = std::max(begins, Position{at.epoch, at.number + 1});
  }
  if (from != begins) {
    result_.add("S1", Harm::other, "{}: begins at {}, it is {}", what, from.text(), begins.text());
  }
  std::int64_t own_units = 0;
  Money own_gross = 0;
  std::string text = statement_text(cycle, currency, own_units, own_gross);
  if (units != own_units || gross != own_gross || net != gross - fee) {
    result_.add("S1", Harm::other, "{}: {} units for {}, less {} is {}; the ledger has {} for {}",
                what, units, gross, fee, net, own_units, own_gross);
  }
  // The fee to the nearest minor unit.
  const auto exact = static_cast<long double>(gross) * static_cast<long double>(rate) / 10'000;
  if (std::abs(static_cast<long double>(fee) - exact) > 0.5L) {
    result_.add("S1", Harm::other, "{}: {} is no fee of {} at {} hundredths of a percent", what,
                fee, gross, rate);
  }
  text += fmt::format("total {} {} {} {} {}\nledger {} {}\n", units, gross, rate, fee, net,
                      from.text(), to.text());
  if (sha256(text) != hash) {
    result_.add("S1", Harm::other, "{}: its rows are not those of the ledger", what);
  }
  packs_.insert(cycle);
  ++result_.packs;
}

void Ledger::judge_settled(const std::map<std::string, std::int64_t>& states,
                           const Missing& missing) {
  for (const auto& [cycle, at] : closed_) {
    const auto state = states.find(cycle);
    if (state == states.end() || packs_.contains(cycle)) continue;
    const auto known = missing.find({cycle, maker_});
    if (known == missing.end() && state->second >= kSettling) {
      result_.add("S2", Harm::lost, "{}: cycle {} is settled without its statement", maker_, cycle);
    } else if (known != missing.end() && !known->second.empty()) {
      result_.add("S2", Harm::other,
                  "{}: cycle {} has no statement of it: {}; see depot settlement list", maker_,
                  cycle, known->second);
    }
  }
  for (const auto& [name, why] : missing) {
    const auto& [cycle, maker] = name;
    if (maker != maker_ || why.empty() || closed_.contains(cycle)) continue;
    result_.add("S2", Harm::other, "{}: cycle {} has no statement of it, nor an end in its ledger",
                maker, cycle);
  }
}

}  // namespace depot::control::audit

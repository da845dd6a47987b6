#include <algorithm>
#include <limits>

#include "control/audit_books.hpp"

namespace depot::control::audit {
namespace {

constexpr Position kFirst{}, kLast{std::numeric_limits<std::int64_t>::max(), 0};

// One ledger's sales in time: what must have been in it by a moment, and what cannot have been.
class Sales {
 public:
  struct Sale {
    Position at;
    Span span;
    const Id* order;
  };
  std::vector<Sale> sales;

  void sort() {
    std::ranges::sort(sales, {}, &Sale::at);
    for (const Sale& sale : sales) {
      if (sale.span.answered != Span::kNever) by_answer_.emplace_back(sale.span.answered, sale.at);
      by_request_.emplace_back(sale.span.invoked, sale.at);
    }
    std::ranges::sort(by_answer_);
    std::ranges::sort(by_request_);
    for (std::size_t i = 1; i < by_answer_.size(); ++i) {
      by_answer_[i].second = std::max(by_answer_[i].second, by_answer_[i - 1].second);
    }
    for (std::size_t i = by_request_.size(); i-- > 1;) {
      by_request_[i - 1].second = std::min(by_request_[i - 1].second, by_request_[i].second);
    }
  }

  // The newest of what was answered before `time`.
  Position before(std::int64_t time) const {
    const auto at = std::ranges::lower_bound(by_answer_, time, {}, &Moment::first);
    return at == by_answer_.begin() ? kFirst : std::prev(at)->second;
  }
  // The oldest of what was asked for after it.
  Position behind(std::int64_t time) const {
    const auto at = std::ranges::upper_bound(by_request_, time, {}, &Moment::first);
    return at == by_request_.end() ? kLast : at->second;
  }

 private:
  using Moment = std::pair<std::int64_t, Position>;
  std::vector<Moment> by_answer_, by_request_;
};

class TimesJudge {
 public:
  TimesJudge(const Books& books, AuditResult& result)
      : books_(books), result_(result), ledgers_(books.makers.size()) {}

  void add(const Id& order, const Span& span) {
    const auto record = books_.orders.find(order);
    if (record == books_.orders.end()) return;
    for (const Part& part : record->second.sold) {
      ledgers_[part.maker].sales.push_back({part.at, span, &record->first});
    }
  }

  // H5. From the newest on, with the earliest answer of those at or behind each.
  void judge_order() {
    for (std::size_t maker = 0; maker < ledgers_.size(); ++maker) {
      Sales& ledger = ledgers_[maker];
      ledger.sort();
      const Sales::Sale* earliest = nullptr;
      for (auto end = ledger.sales.rbegin(); end != ledger.sales.rend();) {
        auto begin = end;
        for (; end != ledger.sales.rend() && end->at == begin->at; ++end) {
          if (earliest == nullptr || end->span.answered < earliest->span.answered) earliest = &*end;
        }
        for (; begin != end; ++begin) {
          if (earliest->span.answered >= begin->span.invoked) continue;
          result_.add("H5", Harm::other,
                      "order {} was answered before {} was asked for, and stands behind it in {}: "
                      "{}, {}",
                      view(*earliest->order), view(*begin->order), books_.makers[maker],
                      earliest->at.text(), begin->at.text());
        }
      }
    }
  }

  void judge(const char* rule, const Statement& statement) {
    for (const ToldStock& told : statement.told) {
      if (told.requested > 0 && told.available >= told.requested) {
        result_.add(rule, Harm::other, "{}: refused {} x {}, with {} left", statement.who,
                    told.requested, told.offer, told.available);
      }
      judge(rule, statement, told);
    }
  }

 private:
  void judge(const char* rule, const Statement& statement, const ToldStock& told) {
    Position low = kFirst, high = kLast;
    const auto offer = books_.stock.find(told.offer);
    if (offer != books_.stock.end()) {
      const Sales& ledger = ledgers_[offer->second.maker];
      low = ledger.before(statement.invoked);
      high = ledger.behind(statement.answered);
    }
    if (low >= high) return;  // H5 says so.
    if (had(offer == books_.stock.end() ? nullptr : &offer->second, told.available, low, high)) {
      return;
    }
    result_.add(rule, Harm::other,
                "{}: told that {} of {} were left; its ledger never had so many between {} and {}",
                statement.who, told.available, told.offer, low == kFirst ? "its start" : low.text(),
                high == kLast ? "its end" : high.text());
  }

  // Whether so many were available at a moment behind entry `low` and before `high`.
  static bool had(const Availability* offer, std::int64_t units, Position low, Position high) {
    if (offer == nullptr) return units == 0;
    // Rows whose state can be meant: from the last one at or before `low` on; 0 is none of them.
    const auto first = std::ranges::upper_bound(offer->at, low) - offer->at.begin();
    const auto end = std::ranges::lower_bound(offer->at, high) - offer->at.begin();
    if (first == 0 && units == 0) return true;
    const auto rows = offer->rows.find(units);
    if (rows == offer->rows.end()) return false;
    const auto from = static_cast<std::size_t>(std::max<std::ptrdiff_t>(first - 1, 0));
    const auto row = std::ranges::lower_bound(rows->second, from);
    return row != rows->second.end() && *row < static_cast<std::size_t>(end);
  }

  const Books& books_;
  AuditResult& result_;
  std::vector<Sales> ledgers_;  // by index of Books::makers
};

}  // namespace

void judge_times(const boost::unordered_map<Id, Span, IdHash>& spans,
                 const std::vector<Statement>& refusals, const std::vector<Statement>& reads,
                 const Books& books, AuditResult& result) {
  TimesJudge judge(books, result);
  for (const auto& [order, span] : spans) judge.add(order, span);
  judge.judge_order();
  for (const Statement& refusal : refusals) judge.judge("H4", refusal);
  for (const Statement& read : reads) judge.judge("H6", read);
}

}  // namespace depot::control::audit

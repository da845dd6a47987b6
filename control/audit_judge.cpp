#include "control/audit_judge.hpp"

#include <algorithm>
#include <span>

namespace depot::control::audit {
namespace {

constexpr std::int64_t kStatusCancelled = 4;

// Walks several sorted vectors side by side, one order at a time.
template <typename T>
class Column {
 public:
  explicit Column(const std::vector<T>& items) : rest_(items) {}
  bool empty() const { return rest_.empty(); }
  const Id& next() const { return rest_.front().order; }
  std::span<const T> take(const Id& order) {
    std::size_t count = 0;
    while (count < rest_.size() && rest_[count].order == order) ++count;
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

 private:
  std::span<const T> rest_;
};

// All that is recorded of one order.
struct Record {
  Id order;
  std::span<const Placed> placed;
  std::span<const Part> parts, sold, cancelled;
  std::span<const State> states;
  std::span<const Listed> listed;
  std::span<const Refused> refused;
};

std::vector<const Part*> of_maker(std::span<const Part> parts, std::uint32_t maker) {
  std::vector<const Part*> out;
  for (const Part& part : parts) {
    if (part.maker == maker) out.push_back(&part);
  }
  return out;
}

class OrderJudge {
 public:
  OrderJudge(const Books& books, Redis& redis, AuditResult& result)
      : books_(books), redis_(redis), result_(result) {}

  void judge(const Record& record) {
    order_ = std::string(view(record.order));
    if (record.placed.empty()) return without_row(record);
    if (record.placed.front().parts == 0) add("L5", Harm::lost, "has no part");
    for (const Part& part : record.parts) judge_part(record, part);
    for (const Part& sale : record.sold) {
      if (of_maker(record.parts, sale.maker).empty()) {
        add("L5", Harm::doubled, "sold by " + entry(sale) + ", which is no part of its row");
      }
    }
    if (!record.refused.empty()) add("L7", Harm::doubled, "both placed and refused");
    judge_list(record);
  }

 private:
  void without_row(const Record& record) {
    for (const Part& sale : record.sold) {
      add("L6", Harm::lost,
          "sold by " + entry(sale) + ", but there is no such order" + explain_entry(sale));
    }
    for (const Part& part : record.cancelled) add("L6", Harm::other, "cancelled by " + entry(part));
    for (const Listed& one : record.listed) {
      add("L8", Harm::lost,
          "listed by account " + std::string(view(one.customer)) + ", but there is no such order");
    }
    if (!record.states.empty()) add("L5", Harm::other, "has a state, but there is no such order");
  }

  void judge_part(const Record& record, const Part& part) {
    const auto sales = of_maker(record.sold, part.maker);
    if (sales.empty()) add("L5", Harm::lost, "row names " + entry(part) + "; nothing sold there");
    if (sales.size() > 1) {
      add("L5", Harm::doubled, "sold twice, by " + entry(*sales[0]) + " and " + entry(*sales[1]));
    }
    for (const Part* sale : sales) {
      if (sale->at != part.at) {
        add("L5", Harm::other, "row points at " + entry(part) + ", sold by " + entry(*sale));
      }
      judge_lines(part, *sale, "lines differ from the sale");
    }
    const auto back = of_maker(record.cancelled, part.maker);
    const bool cancelled = status_of(record, part) == kStatusCancelled;
    if (back.size() != (cancelled ? 1 : 0)) {
      add("L5", back.size() > 1 ? Harm::doubled : Harm::other,
          std::string("its part of ") + books_.makers[part.maker] + " is " +
              (cancelled ? "" : "not ") + "cancelled, with " + std::to_string(back.size()) +
              " entries that cancel it");
    }
    for (const Part* one : back) judge_lines(part, *one, "cancelled with other lines");
  }

  void judge_lines(const Part& part, const Part& said, const char* text) {
    if (said.digest == part.digest) return;
    add("L5", Harm::other, text + explain_row(part.maker) + explain_entry(said));
  }

  void judge_list(const Record& record) {
    const Id& customer = record.placed.front().customer;
    std::size_t own = 0;
    for (const Listed& one : record.listed) {
      if (one.customer == customer) {
        ++own;
      } else {
        add("L8", Harm::other,
            "in the list of account " + std::string(view(one.customer)) + ", placed by " +
                std::string(view(customer)));
      }
    }
    if (own != 1) {
      add("L8", own == 0 ? Harm::lost : Harm::doubled,
          std::to_string(own) + " times in the list of account " + std::string(view(customer)));
    }
  }

  // The status kept of a part; paid where none is.
  static std::int64_t status_of(const Record& record, const Part& part) {
    if (record.states.empty()) return 0;
    const auto& statuses = record.states.front().statuses;
    return part.place < statuses.size() ? statuses[part.place] : -1;
  }

  std::string entry(const Part& part) const {
    return books_.makers[part.maker] + " " + part.at.text();
  }

  std::string explain_row(std::uint32_t maker) {
    const Reply row = redis_.command({"GET", "order:{s0}:" + order_});
    const auto order = read_order(text_of(row.get()));
    std::string out = "; row:";
    for (const RowLine& line : order ? order->lines : std::vector<RowLine>{}) {
      if (order->parts[line.part].manufacturer != books_.makers[maker]) continue;
      out += line_text(line.quantity, line.sku, line.price);
    }
    return out;
  }

  std::string explain_entry(const Part& part) {
    const Reply found = redis_.command(
        {"XRANGE", "ledger:{s0}:" + books_.makers[part.maker], part.at.text(), part.at.text()});
    if (found->elements == 0 || found->element[0]->element[1]->elements != 2) return "";
    const auto said = read_entry(text_of(found->element[0]->element[1]->element[1]));
    std::string out = "; " + entry(part) + ":";
    for (const EntryRow& row : said ? said->rows : std::vector<EntryRow>{}) {
      if (row.order == order_) out += line_text(row.quantity, row.sku, row.price);
    }
    return out;
  }

  static std::string line_text(std::int64_t quantity, std::string_view sku, std::int64_t price) {
    return " " + std::to_string(quantity) + " x " + std::string(sku) + " at " +
           std::to_string(price);
  }

  void add(std::string_view rule, Harm harm, const std::string& text) {
    result_.add(rule, harm, "order " + order_ + ": " + text);
  }

  const Books& books_;
  Redis& redis_;
  AuditResult& result_;
  std::string order_;
};

}  // namespace

std::vector<Id> judge_orders(const Books& books, Redis& redis, AuditResult& result) {
  Column placed(books.placed);
  Column parts(books.parts), sold(books.sold), cancelled(books.cancelled);
  Column states(books.states);
  Column listed(books.listed);
  Column refused(books.refused);
  OrderJudge judge(books, redis, result);
  std::vector<Id> suspects;
  while (true) {
    const Id* next = nullptr;
    const auto consider = [&next](const auto& column) {
      if (!column.empty() && (next == nullptr || column.next() < *next)) next = &column.next();
    };
    consider(placed), consider(sold), consider(cancelled), consider(states), consider(listed);
    if (next == nullptr) return suspects;
    const Id id = *next;
    while (!refused.empty() && refused.next() < id) refused.take(refused.next());
    const std::uint64_t before = result.violations;
    judge.judge({id, placed.take(id), parts.take(id), sold.take(id), cancelled.take(id),
                 states.take(id), listed.take(id), refused.take(id)});
    if (result.violations != before) suspects.push_back(id);
  }
}

}  // namespace depot::control::audit

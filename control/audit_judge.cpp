#include <fmt/format.h>

#include <algorithm>

#include "control/audit_books.hpp"

namespace depot::control::audit {
namespace {

constexpr std::int64_t kStatusCancelled = 4;

Parts of_maker(const auto& parts, std::uint32_t maker) {
  Parts out;
  std::ranges::copy_if(parts, std::back_inserter(out), [&](auto& p) { return p.maker == maker; });
  return out;
}

std::string line_text(std::int64_t quantity, std::string_view sku, std::int64_t price) {
  return fmt::format(" {} x {} at {}", quantity, sku, price);
}

class OrderJudge {
 public:
  OrderJudge(const Id& id, const Books& books, Redis& redis, AuditResult& result)
      : id_(id), books_(books), record_(books.orders.at(id)), redis_(redis), result_(result) {}

  void judge() {
    if (!record_.placed) return without_row();
    if (record_.parts.empty()) add("L5", Harm::lost, "has no part");
    for (std::size_t i = 0; i < record_.parts.size(); ++i) judge_part(i);
    for (const Part& sale : record_.sold) {
      if (of_maker(record_.parts, sale.maker).empty()) {
        add("L5", Harm::doubled, "sold by {}, which is no part of its row", entry(sale));
      }
    }
    if (books_.refused.contains(id_)) add("L7", Harm::doubled, "both placed and refused");
    judge_list();
  }

 private:
  void without_row() {
    for (const Part& sale : record_.sold) {
      add("L6", Harm::lost, "sold by {}, but there is no such order{}", entry(sale),
          explain_entry(sale));
    }
    for (const Part& part : record_.cancelled) {
      add("L6", Harm::other, "cancelled by {}", entry(part));
    }
    for (const Id& account : record_.listed) {
      add("L8", Harm::lost, "listed by account {}, but there is no such order", view(account));
    }
    if (!record_.statuses.empty()) {
      add("L5", Harm::other, "has a state, but there is no such order");
    }
  }

  void judge_part(std::size_t index) {
    const Part& part = record_.parts[index];
    const auto sales = of_maker(record_.sold, part.maker);
    if (sales.empty()) add("L5", Harm::lost, "row names {}; nothing sold there", entry(part));
    if (sales.size() > 1) {
      add("L5", Harm::doubled, "sold twice, by {} and {}", entry(sales[0]), entry(sales[1]));
    }
    for (const Part& sale : sales) {
      if (sale.at != part.at) {
        add("L5", Harm::other, "row points at {}, sold by {}", entry(part), entry(sale));
      }
      judge_lines(part, sale, "lines differ from the sale");
    }
    const auto back = of_maker(record_.cancelled, part.maker);
    const bool cancelled =
        index < record_.statuses.size() && record_.statuses[index] == kStatusCancelled;
    if (back.size() != (cancelled ? 1 : 0)) {
      add("L5", back.size() > 1 ? Harm::doubled : Harm::other,
          "its part of {} is {}cancelled, with {} entries that cancel it",
          books_.makers[part.maker], cancelled ? "" : "not ", back.size());
    }
    for (const Part& one : back) judge_lines(part, one, "cancelled with other lines");
  }

  void judge_lines(const Part& part, const Part& said, const char* text) {
    if (said.digest == part.digest) return;
    add("L5", Harm::other, "{}{}{}", text, explain_row(part.maker), explain_entry(said));
  }

  void judge_list() {
    const Id& customer = record_.placed->customer;
    for (const Id& account : record_.listed) {
      if (account == customer) continue;
      add("L8", Harm::other, "in the list of account {}, placed by {}", view(account),
          view(customer));
    }
    const auto own = std::ranges::count(record_.listed, customer);
    if (own != 1) {
      add("L8", own == 0 ? Harm::lost : Harm::doubled, "{} times in the list of account {}", own,
          view(customer));
    }
  }

  std::string entry(const Part& part) const {
    return books_.makers[part.maker] + " " + part.at.text();
  }

  std::string explain_row(std::uint32_t maker) {
    const Reply row = redis_.command({"GET", fmt::format("order:{{s0}}:{}", view(id_))});
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
    if (found->elements == 0) return "";
    const redisReply* fields = item_of(found->element[0], 1);
    if (fields->elements != 2) return "";
    const auto said = read_entry(text_of(fields->element[1]));
    std::string out = "; " + entry(part) + ":";
    for (const EntryRow& row : said ? said->rows : std::vector<EntryRow>{}) {
      if (row.order == view(id_)) out += line_text(row.quantity, row.sku, row.price);
    }
    return out;
  }

  template <typename... Args>
  void add(std::string_view rule, Harm harm, fmt::format_string<Args...> text, Args&&... args) {
    result_.add(rule, harm, "order {}: {}", view(id_),
                fmt::format(text, std::forward<Args>(args)...));
  }

  const Id& id_;
  const Books& books_;
  const Record& record_;
  Redis& redis_;
  AuditResult& result_;
};

}  // namespace

bool judge_order(const Id& id, const Books& books, Redis& redis, AuditResult& result) {
  const std::uint64_t before = result.violations;
  OrderJudge(id, books, redis, result).judge();
  return result.violations == before;
}

}  // namespace depot::control::audit

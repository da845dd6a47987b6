#include "tests/simulator/store.hpp"

#include <fmt/format.h>

#include "base/ids.hpp"
#include "protocol/fields.hpp"

namespace depot::simulator {

using protocol::LedgerKind;
using protocol::Problem;
using protocol::Reader;
using protocol::Writer;

namespace {

std::optional<protocol::PlaceOrder> decode(std::string_view body) {
  return protocol::decode_array<protocol::PlaceOrder>(body, 7, [](Reader& reader, auto& wish) {
    read(reader, wish.caller, wish.order_id, wish.fingerprint);
    wish.mode = static_cast<protocol::OrderMode>(reader.integer(0, 1));
    read(reader, wish.cart_version);
    protocol::read_rows(reader, 3, wish.lines, [&](protocol::OrderLine& line) {
      read(reader, line.offer, line.quantity, line.seen_price);
    });
  });
}

std::string array_of(std::size_t count, const std::string& values) {
  std::string bytes;
  Writer(bytes).array(count);
  return bytes + values;
}

std::string problem(Problem what) { return protocol::encode_problem({.problem = what}); }

}  // namespace

std::vector<std::string> Store::place_orders(const std::vector<std::string>& arguments) {
  Reader options(arguments[0]);
  options.array();
  const std::int64_t lines_max = options.integer();
  for (int i = 0; i < 4; ++i) options.skip();
  const bool stopped = options.integer() == 1;
  std::vector<std::string> answers;
  Parts parts;
  std::size_t lines = 0;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const auto wish = decode(arguments[i]);
    if (!wish) throw Violation("an order that cannot be read");
    lines += wish->lines.size();
    if (std::cmp_greater(lines, lines_max) && i > 1) break;
    answers.push_back(place(*wish, stopped, parts));
  }
  for (auto& [maker, part] : parts) {
    add_entry(maker, LedgerKind::sold, array_of(5 * part.count, part.rows),
              {{"s", array_of(3 * part.count, part.stock)}});
  }
  return answers;
}

std::string Store::place(const protocol::PlaceOrder& wish, bool stopped, Parts& parts) {
  for (const auto* records : {&orders_, &refusals_}) {
    const auto known = records->find(wish.order_id);
    if (known == records->end() || mistake_ == Mistake::no_idempotency) continue;
    const Record& record = known->second;
    if (record.fingerprint != wish.fingerprint || record.customer != wish.caller.customer) {
      return problem(Problem::idempotency_key_reused);
    }
    return (records == &orders_ ? 'p' : 'n') + record.row;
  }
  for (const auto& line : wish.lines) {
    if (!stock.contains(line.offer)) return problem(Problem::unknown_offer);
  }
  if (stopped) return problem(Problem::unavailable);
  const std::uint64_t http = http_of(wish.caller.session);
  std::string faults;
  std::size_t count = 0;
  for (const auto& line : wish.lines) {
    const auto& goods = stock.at(line.offer);
    if (goods.available() >= line.quantity || mistake_ == Mistake::oversold) continue;
    const auto why = goods.wanted == 0        ? protocol::LineProblem::withdrawn
                     : goods.available() == 0 ? protocol::LineProblem::sold_out
                                              : protocol::LineProblem::short_;
    Writer(faults).string(line.offer).integer(line.quantity).integer(goods.available());
    Writer(faults).integer(static_cast<std::int64_t>(why));
    ++count;
  }
  if (count == 0) return 'P' + sell(wish, parts);
  std::string row;
  Writer(row).array(3).integer(static_cast<std::int64_t>(Problem::insufficient_stock));
  row += array_of(4 * count, faults);
  Writer(row).nil();
  books_.on_effect(http, wish.order_id, 'N');
  refusals_[wish.order_id] = {wish.fingerprint, wish.caller.customer, row};
  return 'N' + row;
}

std::string Store::sell(const protocol::PlaceOrder& wish, Parts& parts) {
  std::string heads, lines;
  std::size_t makers = 0;
  std::string_view last;  // Lines are sorted by offer, so by manufacturer.
  for (const auto& line : wish.lines) {
    const std::string_view maker = manufacturer_of(line.offer);
    if (maker != last) {
      const auto [epoch, number] = head_of(std::string(maker));
      Writer(heads).string(maker).integer(static_cast<std::int64_t>(epoch));
      Writer(heads).integer(static_cast<std::int64_t>(number + 1));
      ++makers;
      last = maker;
    }
    auto& goods = stock.at(line.offer);
    goods.sold += line.quantity;
    Writer(lines).integer(static_cast<std::int64_t>(makers) - 1).string(sku_of(line.offer));
    Writer(lines).integer(line.quantity).integer(goods.unit_price);
    Part& part = parts.try_emplace(std::string(maker)).first->second;
    ++part.count;
    Writer(part.rows).string(wish.order_id).string(sku_of(line.offer)).integer(line.quantity);
    Writer(part.rows).integer(goods.unit_price).integer(goods.available());
    Writer(part.stock).string(line.offer).integer(goods.available()).integer(goods.unit_price);
  }
  std::string row;
  Writer(row).array(8).string(wish.fingerprint).string(wish.caller.customer).integer(1);
  Writer(row).string(cycle.id).integer(static_cast<std::int64_t>(wish.mode));
  row += array_of(3 * makers, heads) + array_of(4 * wish.lines.size(), lines) + array_of(0, "");
  books_.on_effect(http_of(wish.caller.session), wish.order_id, 'P');
  orders_[wish.order_id] = {wish.fingerprint, wish.caller.customer, row};
  return row;
}

std::string Store::get_order(std::string_view body) const {
  Reader reader(body);
  reader.array();
  protocol::Caller caller;
  read(reader, caller);
  const std::string id(reader.string());
  const auto found = orders_.find(id);
  if (found == orders_.end() || found->second.customer != caller.customer) {
    return problem(Problem::not_found);
  }
  std::string answer = "O";
  Writer(answer).array(3).string(id);
  answer += found->second.row;
  std::string statuses;
  const auto row = protocol::decode_order_row(found->second.row);
  for (std::size_t i = 0; i < row->parts.size(); ++i) Writer(statuses).integer(0);
  return answer + array_of(row->parts.size(), statuses);
}

void Store::audit() const {
  struct Sums {
    std::int64_t offered = 0, cut = 0, sold = 0;
  };
  std::map<std::string, Sums> sums;
  std::map<std::string, std::map<std::string, std::int64_t>> bought;  // order, offer: units
  for (const auto& [id, name] : manufacturers) {
    for (std::uint64_t from = 0, more = 1; more > 0;) {
      const auto page = ledger(id, 1, from);
      more = page.size();
      for (const auto& line : page) {
        from = line.number + 1;
        const auto entry = protocol::decode_ledger_entry(line.entry);
        if (!entry) throw Violation("a ledger entry that cannot be read");
        for (const auto& row : entry->rows) {
          const std::string offer = make_offer_id(id, row.sku);
          Sums& goods = sums[offer];
          if (entry->kind == LedgerKind::offer) {
            goods.offered = row.offered_after;
            goods.cut = row.cut_after;
          } else {
            goods.sold += row.quantity;
            bought[row.order][offer] += row.quantity;
          }
          if (goods.sold > goods.offered - goods.cut) throw Violation(offer + " is oversold");
        }
      }
    }
  }
  for (const auto& [offer, goods] : stock) {
    if (sums[offer].sold != goods.sold) throw Violation(offer + ": ledger and stock differ");
  }
  for (const Purchase& purchase : books_.purchases) {
    const bool placed = purchase.definite.starts_with('P');
    const std::string& order = purchase.wish.order_id;
    if (placed != bought.contains(order)) {
      throw Violation(fmt::format("order {}: {}", order,
                                  placed ? "acknowledged, and not in the ledgers"
                                         : "in the ledgers, and never acknowledged"));
    }
    if (!placed) continue;
    std::map<std::string, std::int64_t> asked;
    for (const auto& line : purchase.wish.lines) asked[line.offer] += line.quantity;
    if (asked != bought[order]) throw Violation("order " + order + " is not what was asked for");
  }
}

}  // namespace depot::simulator

#include "tests/unit/store/model.hpp"

#include <algorithm>

namespace depot::store::test {

using protocol::LineProblem;
using protocol::OrderLine;
using protocol::OrderMode;
using protocol::PartStatus;
using protocol::Problem;

namespace {

protocol::LedgerEntry entry_of(protocol::LedgerKind kind) {
  protocol::LedgerEntry entry;
  entry.kind = kind;
  entry.cycle = kCycle;
  return entry;
}

}  // namespace

void Model::Offer::level() {
  const std::int64_t target = std::max(wanted, sold);
  const std::int64_t net = offered - cut;
  if (target > net) {
    offered += target - net;
  } else {
    cut += net - target;
  }
}

void Model::add_maker(const std::string& maker) {
  ledgers_[maker] = {entry_of(protocol::LedgerKind::epoch)};
}

void Model::offer(const std::string& maker, const std::vector<protocol::OfferRow>& rows) {
  protocol::LedgerEntry entry = entry_of(protocol::LedgerKind::offer);
  for (const auto& row : rows) {
    const std::string offer_id = make_offer_id(maker, row.sku);
    const bool known = offers_.contains(offer_id);
    Offer& offer = offers_[offer_id];
    if (known && offer.price == row.unit_price && offer.wanted == row.offered) continue;
    offer.price = row.unit_price;
    offer.wanted = row.offered;
    offer.level();
    entry.rows.push_back({.order = {},
                          .sku = row.sku,
                          .quantity = offer.wanted,
                          .unit_price = offer.price,
                          .offered_after = offer.offered,
                          .cut_after = offer.cut,
                          .available_after = offer.available()});
  }
  if (!entry.rows.empty()) ledgers_[maker].push_back(entry);
}

std::vector<std::string> Model::place(const std::vector<protocol::PlaceOrder>& batch,
                                      std::int64_t lines_max) {
  // How many the batch takes is settled first, by the carts as they are before it.
  std::size_t taken = 0;
  std::int64_t lines = 0;
  for (const auto& wish : batch) {
    const std::int64_t count =
        wish.cart_version ? std::ssize(carts_[wish.caller.customer].lines) : std::ssize(wish.lines);
    lines += std::max<std::int64_t>(1, count);
    if (lines > lines_max && taken > 0) break;
    ++taken;
  }
  std::vector<std::string> answers;
  for (std::size_t i = 0; i < taken; ++i) answers.push_back(place_one(batch[i]));
  for (auto& [maker, entry] : batch_) ledgers_[maker].push_back(std::move(entry));
  batch_.clear();
  return answers;
}

std::string Model::replay(const protocol::PlaceOrder& wish) const {
  const auto placed = orders_.find(wish.order_id);
  if (placed != orders_.end()) {
    const bool same = placed->second.row.fingerprint == wish.fingerprint &&
                      placed->second.row.customer == wish.caller.customer;
    return same ? "p " + text_of(placed->second.row)
                : problem_text(Problem::idempotency_key_reused);
  }
  const auto refused = refusals_.find(wish.order_id);
  if (refused == refusals_.end()) return {};
  return refused->second.first == wish.fingerprint ? "n " + text_of(refused->second.second)
                                                   : problem_text(Problem::idempotency_key_reused);
}

std::optional<std::string> Model::rejected(const std::vector<OrderLine>& lines) const {
  if (lines.size() > protocol::kOrderLinesMax) return problem_text(Problem::too_many_lines);
  std::vector<std::string> unknown;
  std::int64_t total = 0;
  for (const OrderLine& line : lines) {
    const auto found = offers_.find(line.offer);
    if (found == offers_.end()) unknown.push_back(line.offer);
    if (found != offers_.end()) total += found->second.price * line.quantity;
  }
  if (!unknown.empty()) return problem_text(Problem::unknown_offer, unknown);
  if (total > 1'000'000'000'000'000) return problem_text(Problem::invalid);
  return std::nullopt;
}

std::string Model::place_one(const protocol::PlaceOrder& wish) {
  const std::string& customer = wish.caller.customer;
  if (!has_card_.contains(customer)) return problem_text(Problem::unauthenticated);
  if (std::string said = replay(wish); !said.empty()) return said;
  const std::vector<OrderLine> lines = wish.cart_version ? carts_[customer].lines : wish.lines;
  if (const auto answer = rejected(lines)) return *answer;
  if (lines.empty() && wish.cart_version == carts_[customer].version) {
    return problem_text(Problem::invalid);
  }
  if (!has_card_[customer]) return problem_text(Problem::card_required);
  if (wish.cart_version && *wish.cart_version != carts_[customer].version) {
    return refuse(wish, Problem::cart_changed, {});
  }
  const Verdict verdict = judge(customer, lines);
  const bool sells = verdict.faults.empty() || (wish.mode == OrderMode::available && verdict.any);
  if (sells) return sell(wish, lines, verdict);
  LineProblem worst = LineProblem::short_;
  for (const auto& fault : verdict.faults) worst = std::min(worst, fault.problem);
  static constexpr Problem kProblems[] = {Problem::internal,           Problem::offer_withdrawn,
                                          Problem::price_changed,      Problem::limit_exceeded,
                                          Problem::insufficient_stock, Problem::insufficient_stock};
  return refuse(wish, kProblems[static_cast<std::size_t>(worst)], verdict);
}

std::int64_t Model::allowed(const std::string& customer, const std::string& offer) const {
  if (units_cap_ == 0) return INT64_MAX;
  const auto found = bought_.find({customer, offer});
  return std::max<std::int64_t>(0, units_cap_ - (found == bought_.end() ? 0 : found->second));
}

LineProblem Model::problem_of(const std::string& id, std::int64_t quantity,
                              std::optional<std::int64_t> seen, std::int64_t may_have) const {
  const Offer& offer = offers_.at(id);
  if (offer.wanted == 0) return LineProblem::withdrawn;
  if (seen && *seen != offer.price) return LineProblem::price_changed;
  if (quantity > may_have) return LineProblem::limit;
  if (offer.available() == 0) return LineProblem::sold_out;
  if (offer.available() < quantity) return LineProblem::short_;
  return LineProblem::none;
}

Model::Verdict Model::judge(const std::string& customer,
                            const std::vector<OrderLine>& lines) const {
  Verdict verdict;
  for (const OrderLine& line : lines) {
    const std::int64_t may_have = allowed(customer, line.offer);
    const LineProblem problem = problem_of(line.offer, line.quantity, line.seen_price, may_have);
    const std::int64_t available = offers_.at(line.offer).available();
    std::int64_t units = std::min({line.quantity, available, may_have});
    if (problem == LineProblem::withdrawn || problem == LineProblem::price_changed) units = 0;
    verdict.saleable.push_back(units);
    verdict.any = verdict.any || units > 0;
    if (problem == LineProblem::none) continue;
    verdict.faults.push_back({.offer = line.offer,
                              .requested = line.quantity,
                              .available = available,
                              .problem = problem});
  }
  return verdict;
}

void Model::count_demand(const Verdict& verdict) {
  for (const auto& fault : verdict.faults) {
    if (fault.problem == LineProblem::sold_out || fault.problem == LineProblem::short_) {
      offers_[fault.offer].refused += fault.requested - fault.available;
    }
  }
}

std::vector<std::string> Model::tidy(Cart& cart, const Verdict& verdict, bool bought) {
  std::vector<std::string> removed;
  std::vector<OrderLine> kept;
  bool changed = false;
  for (std::size_t i = 0; i < cart.lines.size(); ++i) {
    OrderLine line = cart.lines[i];
    const auto fault = std::ranges::find(verdict.faults, line.offer, &protocol::LineVerdict::offer);
    const bool faulty = fault != verdict.faults.end();
    if (faulty && fault->problem == LineProblem::price_changed) {
      line.seen_price = offers_[line.offer].price;
      changed = true;
    }
    const bool gone = faulty && fault->available == 0;
    if (gone) removed.push_back(line.offer);
    if (gone || (bought && verdict.saleable[i] > 0)) {
      changed = true;
    } else {
      kept.push_back(line);
    }
  }
  if (changed) {
    cart.lines = kept;
    ++cart.version;
  }
  return removed;
}

std::string Model::refuse(const protocol::PlaceOrder& wish, Problem problem,
                          const Verdict& verdict) {
  protocol::Refusal refusal{.problem = problem, .items = verdict.faults, .removed = {}};
  if (wish.cart_version) {
    refusal.removed.emplace();
    if (problem != Problem::cart_changed) {
      refusal.removed = tidy(carts_[wish.caller.customer], verdict, false);
    }
  }
  count_demand(verdict);
  refusals_[wish.order_id] = {wish.fingerprint, refusal};
  return "N " + text_of(refusal);
}

std::string Model::sell(const protocol::PlaceOrder& wish, const std::vector<OrderLine>& lines,
                        const Verdict& verdict) {
  protocol::OrderRow row{.fingerprint = wish.fingerprint,
                         .customer = wish.caller.customer,
                         .placed_at_ms = 0,
                         .cycle = kCycle,
                         .mode = wish.mode,
                         .parts = {},
                         .lines = {},
                         .refused = verdict.faults};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::int64_t units = verdict.saleable[i];
    if (units == 0) continue;
    const std::string maker{manufacturer_of(lines[i].offer)};
    const std::string sku{sku_of(lines[i].offer)};
    auto part = std::ranges::find(row.parts, maker, &protocol::OrderPart::manufacturer);
    if (part == row.parts.end()) {
      row.parts.push_back({.manufacturer = maker, .epoch = 1, .number = head(maker) + 1});
      part = row.parts.end() - 1;
    }
    Offer& offer = offers_[lines[i].offer];
    offer.sold += units;
    row.lines.push_back({.part = static_cast<std::uint32_t>(part - row.parts.begin()),
                         .sku = sku,
                         .quantity = units,
                         .unit_price = offer.price});
    auto& entry = batch_[maker];
    entry.kind = protocol::LedgerKind::sold;
    entry.cycle = kCycle;
    entry.rows.push_back({.order = wish.order_id,
                          .sku = sku,
                          .quantity = units,
                          .unit_price = offer.price,
                          .offered_after = 0,
                          .cut_after = 0,
                          .available_after = offer.available()});
    bought_[{wish.caller.customer, lines[i].offer}] += units;
  }
  if (wish.cart_version) tidy(carts_[wish.caller.customer], verdict, true);
  count_demand(verdict);
  orders_[wish.order_id] = {row, false};
  placed_.push_back(wish.order_id);
  return "P " + text_of(row);
}

std::string Model::change_cart(const std::string& function, const protocol::CartChange& change) {
  Cart& cart = carts_[change.caller.customer];
  if (std::ranges::find(cart.requests, change.request_id) != cart.requests.end()) {
    return this->cart(change.caller.customer);
  }
  const auto line = std::ranges::find(cart.lines, change.offer, &OrderLine::offer);
  if (function == "remove_cart_line_v1") {
    if (line != cart.lines.end()) cart.lines.erase(line);
  } else {
    if (!offers_.contains(change.offer)) {
      return problem_text(Problem::unknown_offer, {change.offer});
    }
    const bool adds = function == "add_cart_line_v1" && line != cart.lines.end();
    const std::int64_t wanted = change.quantity + (adds ? line->quantity : 0);
    const LineProblem problem = problem_of(change.offer, wanted, {}, INT64_MAX);
    const Offer& offer = offers_[change.offer];
    if (problem != LineProblem::none) {
      return "N " + text_of(protocol::Refusal{.problem = problem == LineProblem::withdrawn
                                                             ? Problem::offer_withdrawn
                                                             : Problem::insufficient_stock,
                                              .items = {{.offer = change.offer,
                                                         .requested = wanted,
                                                         .available = offer.available(),
                                                         .problem = problem}},
                                              .removed = {}});
    }
    const OrderLine after{.offer = change.offer, .quantity = wanted, .seen_price = offer.price};
    if (line == cart.lines.end()) {
      cart.lines.push_back(after);
    } else {
      *line = after;
    }
  }
  ++cart.version;
  cart.requests.push_back(change.request_id);
  if (cart.requests.size() > 8) cart.requests.erase(cart.requests.begin());
  return this->cart(change.caller.customer);
}

std::string Model::cart(const std::string& customer) const {
  protocol::Cart out;
  const auto found = carts_.find(customer);
  if (found == carts_.end()) return text_of(out);
  out.version = found->second.version;
  for (const OrderLine& line : found->second.lines) {
    const Offer& offer = offers_.at(line.offer);
    out.lines.push_back(
        {.offer = line.offer,
         .quantity = line.quantity,
         .seen_price = *line.seen_price,
         .unit_price = offer.price,
         .available = offer.available(),
         .problem = problem_of(line.offer, line.quantity, line.seen_price, INT64_MAX)});
  }
  return text_of(out);
}

std::int64_t Model::cart_version(const std::string& customer) const {
  const auto found = carts_.find(customer);
  return found == carts_.end() ? 0 : found->second.version;
}

protocol::OrderView Model::view(const std::string& order_id, const Order& order) const {
  protocol::OrderView out{.order_id = order_id, .row = order.row, .statuses = {}};
  for (const auto& part : order.row.parts) {
    const auto accepted = accepted_.find(part.manufacturer);
    const bool taken_up = accepted != accepted_.end() && part.number <= accepted->second;
    out.statuses.push_back(order.cancelled ? PartStatus::cancelled
                           : taken_up      ? PartStatus::in_realisation
                                           : PartStatus::paid);
  }
  return out;
}

std::string Model::order(const std::string& customer, const std::string& order_id) const {
  const auto found = orders_.find(order_id);
  if (found == orders_.end() || found->second.row.customer != customer) {
    return problem_text(Problem::not_found);
  }
  return text_of(view(order_id, found->second));
}

std::string Model::cancel(const std::string& customer, const std::string& order_id) {
  const auto found = orders_.find(order_id);
  if (found == orders_.end() || found->second.row.customer != customer) {
    return problem_text(Problem::not_found);
  }
  Order& order = found->second;
  if (order.cancelled) return text_of(view(order_id, order));
  for (const PartStatus status : view(order_id, order).statuses) {
    if (status != PartStatus::paid) return problem_text(Problem::not_cancellable);
  }
  for (const auto& line : order.row.lines) {
    const std::string& maker = order.row.parts[line.part].manufacturer;
    Offer& offer = offers_[make_offer_id(maker, line.sku)];
    offer.sold -= line.quantity;
    offer.level();
    auto& entry = batch_[maker];
    entry.kind = protocol::LedgerKind::cancelled;
    entry.cycle = kCycle;
    entry.rows.push_back({.order = order_id,
                          .sku = line.sku,
                          .quantity = line.quantity,
                          .unit_price = line.unit_price,
                          .offered_after = offer.offered,
                          .cut_after = offer.cut,
                          .available_after = offer.available()});
    bought_[{customer, make_offer_id(maker, line.sku)}] -= line.quantity;
  }
  for (auto& [maker, entry] : batch_) ledgers_[maker].push_back(std::move(entry));
  batch_.clear();
  order.cancelled = true;
  return text_of(view(order_id, order));
}

std::vector<std::string> Model::history(const std::string& customer) const {
  std::vector<std::string> newest_first;
  for (auto each = placed_.rbegin(); each != placed_.rend(); ++each) {
    const Order& order = orders_.at(*each);
    if (order.row.customer == customer) newest_first.push_back(text_of(view(*each, order)));
  }
  return newest_first;
}

}  // namespace depot::store::test

#include "control/audit_books.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "control/audit_request.hpp"

namespace depot::control::audit {
namespace {

std::string offer_key(std::string_view cycle, std::string_view sku) {
  return std::string(cycle) + '\0' + std::string(sku);
}

Placed placed_of(const OrderRow& row, const Id& customer, const Id& fingerprint) {
  Placed placed{.customer = customer, .fingerprint = fingerprint, .in_part = row.mode != 0};
  placed.receipt = receipt_digest(row);
  auto request = request_of(row);
  placed.proof = request ? Proof::open : Proof::impossible;
  if (!request) return placed;
  placed.asked = digest_of(*request);
  for (RequestLine& line : request->lines) line.price.reset();
  if (fingerprint_of(*request) == fingerprint) placed.proof = Proof::by_lines;
  return placed;
}

}  // namespace

std::uint32_t Books::maker(std::string_view name) {
  const auto known = maker_index_.find(name);
  if (known != maker_index_.end()) return known->second;
  makers.emplace_back(name);
  return maker_index_[std::string(name)] = static_cast<std::uint32_t>(makers.size() - 1);
}

void Books::add_order(const Id& id, std::string_view bytes) {
  const auto row = read_order(bytes);
  const auto customer = to_id(row ? row->customer : ""), asked = to_id(row ? row->fingerprint : "");
  if (!customer || !asked || row->lines.empty()) {
    return result_.add("L5", Harm::lost, "order {}: malformed row", view(id));
  }
  Record& record = orders[id];
  record.placed = placed_of(*row, *customer, *asked);
  record.parts.clear();
  for (const RowPart& part : row->parts) {
    record.parts.push_back({maker(part.manufacturer), part.sold_at});
  }
  for (const RowLine& line : row->lines) {
    record.parts[line.part].digest += line_digest(row->cycle, line.sku, line.quantity, line.price);
  }
}

void Books::add_state(const Id& id, std::string_view row) {
  Walk walk(row);
  std::vector<std::int64_t> statuses(walk.list());
  for (std::int64_t& status : statuses) status = walk.number();
  if (!walk.at_end()) {
    return result_.add("L5", Harm::other, "orderstate of {}: malformed", view(id));
  }
  orders[id].statuses = std::move(statuses);
}

void Books::add_refusal(std::string_view key, std::string_view order, std::string_view row) {
  const auto id = to_id(order), asked = to_id(row.substr(0, 16));
  if (!id || !asked) return result_.add("L7", Harm::other, "{} {}: malformed", key, order);
  refused[*id] = *asked;
}

void Books::add_list(const Id& customer, std::string_view ids, const std::vector<Id>* among) {
  if (ids.size() % 16 != 0) {
    result_.add("L8", Harm::other, "account {}: torn list", view(customer));
  }
  for (; ids.size() >= 16; ids.remove_prefix(16)) {
    const Id order = *to_id(ids.substr(0, 16));
    if (among != nullptr && !std::ranges::binary_search(*among, order)) continue;
    orders[order].listed.push_back(customer);
  }
}

void Books::note_stock(std::uint32_t maker, std::string_view sku, Position at,
                       std::int64_t available) {
  if (!keeps_stock) return;
  Availability& offer = stock[makers[maker] + ':' + std::string(sku)];
  offer.maker = maker;
  offer.rows[available].push_back(offer.at.size());
  offer.at.push_back(at);
}

std::string Ledger::Counters::text() const {
  return fmt::format("price {}, wanted {}, offered {}, cut {}, sold {}", price, wanted, offered,
                     cut, sold);
}

void Ledger::read_on(const std::string& until) {
  const auto ask_behind = [&](std::string_view id) {
    redis_.send({"XRANGE", "ledger:{s0}:" + maker_, fmt::format("({}", id), until, "COUNT", "500"});
  };
  ask_behind(last_.text());
  while (true) {
    const Reply page = redis_.receive();
    if (page->elements == 0) return;
    // Redis finds the next ones while these are judged.
    ask_behind(text_of(item_of(page->element[page->elements - 1], 0)));
    for (std::size_t i = 0; i < page->elements; ++i) read_item(page->element[i]);
  }
}

void Ledger::read_item(const redisReply* item) {
  const Position at = to_position(text_of(item_of(item, 0))).value_or(Position{});
  const redisReply* fields = item_of(item, 1);
  const auto entry = fields->elements == 2 && text_of(fields->element[0]) == "e"
                         ? read_entry(text_of(fields->element[1]))
                         : std::nullopt;
  // An epoch opens above whatever the manufacturer has of an older state of the data, the first
  // one too, so at any higher number: the entry before it, which it names, proves it.
  const bool opens = at.number == 0 && at.epoch > last_.epoch;
  if (!opens && (at != Position{last_.epoch, last_.number + 1} || at.epoch == 0)) {
    result_.add("L1", Harm::lost, "{}: a gap, the entry before it is {}", name(at), last_.text());
  }
  if (!entry) {
    result_.add("L9", Harm::lost, "{}: malformed entry", name(at));
  } else if (opens != (entry->kind == Kind::epoch) || (opens && entry->previous != last_)) {
    result_.add("L1", Harm::lost, "{}: does not chain to {}", name(at), last_.text());
  } else {
    judge(at, *entry);
  }
  last_ = at;
  ++result_.entries;
}

void Ledger::judge(Position at, const Entry& entry) {
  if (entry.kind == Kind::state) return;
  if (entry.kind == Kind::cycle) return turn(at, entry);
  const std::string where = name(at);
  for (const EntryRow& row : entry.rows) {
    judge_row(where, entry, row);
    books_.note_stock(index_, row.sku, at, row.available);
    if (entry.kind == Kind::offer) continue;
    const auto order = to_id(row.order);
    if (!order) {
      result_.add("L9", Harm::other, "{}: malformed order id", where);
      continue;
    }
    Record& record = books_.orders[*order];
    const auto add_line = [&](auto& parts) {  // One part per order of the entry, its rows together.
      const bool same = !parts.empty() && parts.back().maker == index_ && parts.back().at == at;
      if (!same) parts.push_back({index_, at});
      parts.back().digest += line_digest(entry.cycle, row.sku, row.quantity, row.price);
    };
    entry.kind == Kind::sold ? add_line(record.sold) : add_line(record.cancelled);
  }
}

void Ledger::judge_row(const std::string& where, const Entry& entry, const EntryRow& row) {
  const auto [counters, is_new] = counters_.try_emplace(offer_key(entry.cycle, row.sku));
  Counters& now = counters->second;
  if (is_new && entry.kind != Kind::offer) {
    result_.add("L6", Harm::other, "{}: {} was never offered", where, row.sku);
  }
  if (entry.kind == Kind::offer) {
    now.wanted = row.quantity;
    now.price = row.price;
  } else if (row.quantity <= 0 || (entry.kind == Kind::sold && row.price != now.price)) {
    result_.add("L2", Harm::other, "{}: order {} {} x {} at {}, offered at {}", where, row.order,
                row.quantity, row.sku, row.price, now.price);
  }
  if (entry.kind != Kind::offer) {
    const std::int64_t sold = entry.kind == Kind::sold ? row.quantity : -row.quantity;
    now.sold += sold;
    if (sold < 0) now.cancelled -= sold;
    sales_[{std::string(entry.cycle), std::string(row.sku), row.price}] += sold;
    result_.units_sold += sold;
    result_.money_minor += Money(sold) * row.price;
  }
  if (entry.kind != Kind::sold) {
    const std::int64_t target = std::max(now.wanted, now.sold);
    const std::int64_t net = now.offered - now.cut;
    (target > net ? now.offered : now.cut) += std::abs(target - net);
    if (row.offered != now.offered || row.cut != now.cut) {
      result_.add("L4", Harm::other,
                  "{}: {} says offered {}, cut {}; it follows offered {}, cut {}", where, row.sku,
                  row.offered, row.cut, now.offered, now.cut);
    }
  }
  const std::int64_t available = now.offered - now.sold - now.cut;
  if (available < now.worst) {
    result_.oversold += now.worst - available;
    now.worst = available;
  }
  if (available < 0 || available != row.available) {
    result_.add("L2", Harm::other, "{}: {} says {} available, it is {}", where, row.sku,
                row.available, available);
  }
}

bool Ledger::knows(std::string_view cycle, std::string_view sku) const {
  return counters_.contains(offer_key(cycle, sku));
}

void Ledger::compare_counters() {
  const std::string stream = "ledger:{s0}:" + maker_;
  read_on();
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
    const redisReply* newest = item_of(moment.get(), 0);
    if (newest->elements == 1) read_on(std::string(text_of(item_of(newest->element[0], 0))));
    if (counters_.size() == asked) return compare(moment);
  }
}

void Ledger::compare(const Reply& moment) {
  const auto head = read_position(text_of(item_of(moment.get(), 1)));
  if (head != last_) {
    result_.add("L3", Harm::other, "{}: the head says {}, the newest entry is {}", maker_,
                head ? head->text() : "nothing", last_.text());
  }
  const auto accepted = read_position(text_of(item_of(moment.get(), 2)));
  if (accepted && *accepted > last_) {
    result_.add("L3", Harm::other, "{}: accepted {} is not there", maker_, accepted->text());
  }
  std::size_t index = 3;
  for (const auto& [key, is] : counters_) {
    Walk row(text_of(item_of(moment.get(), index++)));
    const Counters says{row.number(), row.number(), row.number(), row.number(), row.number()};
    const std::string text = row.ok() ? says.text() : "nothing readable";
    if (text == is.text()) continue;
    result_.add("L3", Harm::other, "{}:{} in cycle {}: the row says {}; the ledger {}", maker_,
                key.substr(key.find('\0') + 1), key.substr(0, key.find('\0')), text, is.text());
  }
}

}  // namespace depot::control::audit

// Random programs of offers, cuts, purchases, carts, cancellations and repeats: the functions in a
// real Redis and the model agree answer by answer, and the books are right after every step.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>

#include "protocol/msgpack.hpp"
#include "tests/unit/store/model.hpp"
#include "tests/unit/store/shop.hpp"

namespace depot::store::test {
namespace {

using protocol::OrderLine;
using protocol::OrderMode;

constexpr int kMakers = 3;
constexpr int kSkus = 3;  // Few offers: so that steps meet.
const std::vector<std::string> kCustomers = {"anna", "bert", "cara", "dave", "eric"};
constexpr std::size_t kWithoutCard = 3;
constexpr std::size_t kUnknown = 4;  // has no account at all

std::string maker_of(int index) { return "maker-" + std::to_string(index % kMakers); }
std::string sku_at(int index) { return "sku-" + std::to_string(index % kSkus); }
std::string offer_at(int index) {  // the last is never offered by anybody
  const int known = index % (kMakers * kSkus + 1);
  if (known == kMakers * kSkus) return "maker-0:never";
  return make_offer_id(maker_of(known / kSkus), sku_at(known));
}

// A step of a program, as numbers, so that RapidCheck can shrink it.
struct LineSpec {
  int offer = 0, quantity = 1, seen = 0;  // seen: 0 none, 1 the price now, 2 a stale one
};
struct OrderSpec {
  int customer = 0;
  int kind = 0;  // 0..4 own lines, 5..7 the cart, 8 again, 9 again with another body
  int pick = 0;  // which earlier order; how stale the cart version
  bool available_mode = false;
  std::vector<LineSpec> lines;
};
struct Step {
  int kind = 0;  // 0..2 offer, 3..6 a batch, 7..9 cart, 10..12 cancel, 13 accept
  int pick = 0, quantity = 0, price = 0;
  std::vector<OrderSpec> orders;
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
  out << "step " << step.kind << " pick " << step.pick << " quantity " << step.quantity << " price "
      << step.price;
  for (const OrderSpec& order : step.orders) {
    out << "\n    order by " << order.customer << " kind " << order.kind << " pick " << order.pick
        << (order.available_mode ? " available" : " all");
    for (const LineSpec& line : order.lines) {
      out << " (" << line.offer << " " << line.quantity << " " << line.seen << ")";
    }
  }
  return out << "\n";
}

rc::Gen<int> below(int limit) { return rc::gen::inRange(0, limit); }

rc::Gen<LineSpec> line_spec() {
  return rc::gen::build<LineSpec>(rc::gen::set(&LineSpec::offer, below(kMakers * kSkus + 1)),
                                  rc::gen::set(&LineSpec::quantity, rc::gen::inRange(1, 12)),
                                  rc::gen::set(&LineSpec::seen, below(3)));
}

rc::Gen<OrderSpec> order_spec() {
  return rc::gen::build<OrderSpec>(
      rc::gen::set(&OrderSpec::customer,
                   rc::gen::weightedElement<int>({{8, 0}, {8, 1}, {4, 2}, {1, 3}, {1, 4}})),
      rc::gen::set(&OrderSpec::kind, below(10)), rc::gen::set(&OrderSpec::pick, below(6)),
      rc::gen::set(&OrderSpec::available_mode),
      rc::gen::set(&OrderSpec::lines,
                   rc::gen::resize(5, rc::gen::container<std::vector<LineSpec>>(line_spec()))));
}

rc::Gen<Step> step() {
  const auto batch_size = rc::gen::weightedElement<std::size_t>({{6, 1}, {4, 3}, {2, 12}, {1, 64}});
  const auto orders = rc::gen::mapcat(batch_size, [](std::size_t count) {
    return rc::gen::container<std::vector<OrderSpec>>(count, order_spec());
  });
  return rc::gen::build<Step>(
      rc::gen::set(&Step::kind, below(14)), rc::gen::set(&Step::pick, below(60)),
      rc::gen::set(&Step::quantity, below(20)), rc::gen::set(&Step::price, rc::gen::inRange(1, 4)),
      rc::gen::set(&Step::orders, orders));
}

// Runs programs against both.
class Programs {
 public:
  explicit Programs(Shop& shop) : shop_(shop) {}

  void begin(std::int64_t units_cap, std::int64_t lines_max) {
    options_ = {.lines_max = lines_max, .units_cap = units_cap};
    model_.emplace(units_cap);
    numbers_.clear();
    names_.clear();
    sent_.clear();
    shop_.reset();
    for (int i = 0; i < kMakers; ++i) {
      shop_.hello(maker_of(i));
      model_->add_maker(maker_of(i));
    }
    for (std::size_t i = 0; i < kUnknown; ++i) {
      shop_.add_customer(kCustomers[i], i != kWithoutCard);
      model_->add_customer(kCustomers[i], i != kWithoutCard);
    }
    for (int i = 0; i < kMakers * kSkus; ++i) offer(i, 10, 1);
  }

  void run(const Step& step) {
    if (step.kind <= 2) offer(step.pick, step.quantity, step.price);
    if (step.kind >= 3 && step.kind <= 6) place(step.orders);
    if (step.kind >= 7 && step.kind <= 9) change_cart(step);
    if (step.kind >= 10 && step.kind <= 12) cancel(step);
    if (step.kind == 13) accept(step);
    check_books();
  }

  void check_histories() {
    for (std::size_t i = 0; i < kUnknown; ++i) {
      const protocol::Caller who = caller(kCustomers[i]);
      std::vector<std::string> read;
      std::optional<std::int64_t> before;
      do {  // In pages of 7.
        const auto page = protocol::decode_order_page(shop_.orders(who, 7, before));
        RC_ASSERT(page.has_value());
        for (const auto& view : page->orders) read.push_back(text_of(view));
        before = page->next;
      } while (before);
      RC_ASSERT(read == model_->history(who.customer));
    }
  }

  void place_orders(const std::vector<protocol::PlaceOrder>& wishes) {
    const auto expected = model_->place(wishes, options_.lines_max);
    const auto answers = shop_.place(wishes, options_);
    RC_ASSERT(answers.size() == expected.size());
    for (std::size_t i = 0; i < answers.size(); ++i) RC_ASSERT(text_of(answers[i]) == expected[i]);
  }

  void check_books() {
    for (const auto& [offer, row] : model_->offers()) {
      const std::vector<std::int64_t> wanted = {row.price, row.wanted, row.offered,
                                                row.cut,   row.sold,   row.refused};
      RC_ASSERT(shop_.stock(offer) == wanted);
      RC_ASSERT(row.available() >= 0);
    }
    for (const auto& [maker, entries] : model_->ledgers()) check_ledger(maker, entries);
    check_feed();
    for (std::size_t i = 0; i < kUnknown; ++i) {
      const protocol::Caller who = caller(kCustomers[i]);
      RC_ASSERT(text_of(shop_.cart(who)) == model_->cart(who.customer));
    }
  }

  Model& model() { return *model_; }

 private:
  void offer(int pick, std::int64_t quantity, std::int64_t price) {
    const std::string maker = maker_of(pick / kSkus);
    const std::string name = "Name " + std::to_string(price % 2);
    names_[make_offer_id(maker, sku_at(pick))] = name;
    const std::vector<protocol::OfferRow> rows = {
        {.sku = sku_at(pick), .name = name, .unit_price = 100 + price / 2, .offered = quantity}};
    const std::int64_t number = ++numbers_[maker];
    const std::string answer = shop_.offer(maker, 1, number, rows);
    RC_ASSERT(answer.substr(0, 3) == std::string("O\x93\0", 3));
    RC_ASSERT(shop_.offer(maker, 1, number, rows).substr(0, 3) == "O\x93\x01");  // said again
    model_->offer(maker, rows);
  }

  std::vector<OrderLine> lines_of(const std::vector<LineSpec>& specs) {
    std::map<std::string, OrderLine> by_offer;  // Equal ones summed, sorted: the gateway's work.
    for (const LineSpec& spec : specs) {
      OrderLine& line = by_offer[offer_at(spec.offer)];
      line.offer = offer_at(spec.offer);
      line.quantity += spec.quantity;
      const auto known = model_->offers().find(line.offer);
      if (known == model_->offers().end() || spec.seen == 0) continue;
      line.seen_price = known->second.price + (spec.seen == 2 ? 1 : 0);
    }
    if (by_offer.empty())
      by_offer[offer_at(0)] = {.offer = offer_at(0), .quantity = 1, .seen_price = {}};
    std::vector<OrderLine> lines;
    for (auto& [offer, line] : by_offer) lines.push_back(std::move(line));
    return lines;
  }

  void place(const std::vector<OrderSpec>& specs) {
    std::vector<protocol::PlaceOrder> wishes;
    for (const OrderSpec& spec : specs) {
      const std::string& customer = kCustomers[static_cast<std::size_t>(spec.customer)];
      const auto mode = spec.available_mode ? OrderMode::available : OrderMode::all_or_nothing;
      const std::string key = "order" + std::to_string(sent_.size());
      if (spec.kind >= 8 && !sent_.empty()) {
        protocol::PlaceOrder again =
            sent_[sent_.size() - 1 - static_cast<std::size_t>(spec.pick) % sent_.size()];
        if (spec.kind == 9) again.fingerprint = id("another body");
        wishes.push_back(again);
      } else if (spec.kind >= 5 && spec.kind <= 7) {
        const std::int64_t version = model_->cart_version(id(customer)) - (spec.pick == 0 ? 1 : 0);
        wishes.push_back(cart_order(customer, key, std::max<std::int64_t>(0, version), mode));
      } else {
        wishes.push_back(order(customer, key, lines_of(spec.lines), mode));
      }
      sent_.push_back(wishes.back());
    }
    if (!wishes.empty()) place_orders(wishes);
  }

  void change_cart(const Step& step) {
    static const std::string functions[] = {"add_cart_line_v1", "set_cart_line_v1",
                                            "remove_cart_line_v1"};
    const protocol::CartChange change{
        .caller = caller(kCustomers[static_cast<std::size_t>(step.pick) % kWithoutCard]),
        .request_id = request_id(static_cast<std::uint64_t>(step.quantity)),  // often again
        .offer = offer_at(step.pick / 3),
        .quantity = step.quantity % 9 + 1};
    const std::string& function = functions[step.kind - 7];
    RC_ASSERT(text_of(shop_.change_cart(function, change)) ==
              model_->change_cart(function, change));
  }

  void cancel(const Step& step) {
    if (sent_.empty()) return;
    const auto& one = sent_[static_cast<std::size_t>(step.pick) % sent_.size()];
    if (one.caller.customer == id(kCustomers[kUnknown])) return;
    RC_ASSERT(text_of(shop_.with_id("get_order_v1", one.caller, one.order_id)) ==
              model_->order(one.caller.customer, one.order_id));
    RC_ASSERT(text_of(shop_.with_id("cancel_order_v1", one.caller, one.order_id)) ==
              model_->cancel(one.caller.customer, one.order_id));
  }

  void accept(const Step& step) {
    if (step.quantity > 5) return;  // Rarely: what is accepted cannot be cancelled any more.
    const std::string maker = maker_of(step.pick);
    shop_.call("accept_v1", {maker, "1", std::to_string(model_->head(maker))});
    model_->accept(maker);
  }

  // Gap-free, as the model has it, and every `available after` follows from the one before.
  void check_ledger(const std::string& maker, const std::vector<protocol::LedgerEntry>& wanted) {
    const auto entries = shop_.ledger(maker);
    RC_ASSERT(entries.size() == wanted.size());
    std::map<std::string, std::int64_t> available;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      RC_ASSERT(text_of(entries[i]) == text_of(wanted[i]));
      for (const auto& row : entries[i].rows) {
        if (entries[i].kind == protocol::LedgerKind::sold) {
          RC_ASSERT(row.available_after == available[row.sku] - row.quantity);
        }
        RC_ASSERT(row.available_after >= 0);
        available[row.sku] = row.available_after;
      }
    }
    const Value stream = shop_.redis({"XREVRANGE", "ledger:{s0}:" + maker, "+", "-", "COUNT", "1"});
    RC_ASSERT(stream.items[0].items[0].text == "1-" + std::to_string(entries.size() - 1));
    const std::string head = shop_.redis({"HGET", "heads:{s0}", maker}).text;
    protocol::Reader reader(head);
    RC_ASSERT(reader.integer() == 1);
    RC_ASSERT(reader.integer() == std::ssize(entries) - 1);
  }

  // Whoever folds the feed knows the stock and the names; an entry that names an offer has both.
  void check_feed() {
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> folded;
    std::map<std::string, std::string> names;
    for (const Value& item : shop_.redis({"XRANGE", "feed:{s0}", "-", "+"}).items) {
      const auto& fields = item.items[1].items;
      std::set<std::string> stated;
      for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
        if (fields[i].text == "n") {
          protocol::Reader reader(fields[i + 1].text);
          for (std::size_t left = reader.rows(2); left > 0; --left) {
            const std::string offer(reader.string());
            RC_ASSERT(stated.contains(offer));
            names[offer] = reader.string();
          }
        }
        if (fields[i].text != "s") continue;
        const auto rows = protocol::decode_stock_record(fields[i + 1].text);
        RC_ASSERT(rows.has_value());
        for (const auto& row : *rows) {
          folded[row.offer] = {row.available, row.unit_price};
          stated.insert(row.offer);
        }
      }
    }
    for (const auto& [offer, row] : model_->offers()) {
      const std::int64_t shown = row.wanted == 0 ? -1 : row.available();
      RC_ASSERT(folded[offer] == std::pair(shown, row.price));
    }
    for (const auto& [offer, name] : names_) RC_ASSERT(names[offer] == name);
  }

  Shop& shop_;
  Options options_;
  std::optional<Model> model_;
  std::map<std::string, std::int64_t> numbers_;
  std::map<std::string, std::string> names_;  // by offer
  std::vector<protocol::PlaceOrder> sent_;
};

class RulesTest : public testing::Test {
 protected:
  Shop shop_;
  Programs programs_{shop_};
};

TEST_F(RulesTest, FunctionsAndModelAgreeOnRandomPrograms) {
  const bool held = rc::check([this](bool with_cap) {
    const auto steps = *rc::gen::container<std::vector<Step>>(step());
    programs_.begin(with_cap ? 15 : 0, with_cap ? 20 : 512);
    for (const Step& each : steps) programs_.run(each);
    programs_.check_histories();
  });
  EXPECT_TRUE(held);
}

TEST_F(RulesTest, TheLargestBatchIsOneCall) {
  const bool held = rc::check([this] {
    programs_.begin(0, 512);
    std::vector<protocol::PlaceOrder> batch;
    for (int i = 0; i < 64; ++i) {  // 64 orders of 8 lines: 512.
      std::map<std::string, OrderLine> lines;
      const int first = *below(kMakers * kSkus);
      for (int k = 0; k < 8; ++k) {
        const std::string offer = offer_at((first + k) % (kMakers * kSkus));
        lines[offer] = {.offer = offer, .quantity = *rc::gen::inRange(1, 3), .seen_price = {}};
      }
      std::vector<OrderLine> sorted;
      for (auto& [offer, line] : lines) sorted.push_back(line);
      batch.push_back(order(kCustomers[static_cast<std::size_t>(i % 3)], std::to_string(i),
                            std::move(sorted),
                            i % 2 == 0 ? OrderMode::available : OrderMode::all_or_nothing));
    }
    programs_.place_orders(batch);
    programs_.check_books();
    programs_.place_orders(batch);  // And all of it again.
    programs_.check_books();
  });
  EXPECT_TRUE(held);
}

// 1,024 lines over three manufacturers: bought, cancelled, bought from the cart, refused.
TEST_F(RulesTest, TheLargestOrderTravelsAlone) {
  programs_.begin(0, 512);
  Model& model = programs_.model();
  std::vector<OrderLine> lines;
  for (int first = 0; first < 1'024; first += 200) {
    std::vector<protocol::OfferRow> rows;
    for (int i = first; i < std::min(first + 200, 1'024); ++i) {
      rows.push_back({.sku = "big-" + std::to_string(i),
                      .name = "Big",
                      .unit_price = 100'000'000,
                      .offered = 2});
    }
    const std::string maker = maker_of(first / 200);
    const std::int64_t number = 4 + first / 600;  // begin() used 1 to 3 of each
    ASSERT_EQ(shop_.offer(maker, 1, number, rows)[2], '\0');
    model.offer(maker, rows);
    for (const auto& row : rows) {
      lines.push_back({.offer = make_offer_id(maker, row.sku), .quantity = 1, .seen_price = {}});
    }
  }
  std::ranges::sort(lines, {}, &OrderLine::offer);
  const auto all = order("anna", "largest", lines);
  const auto small =
      order("bert", "small", {{.offer = offer_at(0), .quantity = 1, .seen_price = {}}});
  programs_.place_orders({all, small});  // Takes the first alone: it passes lines_max.
  programs_.check_books();
  const std::string cancelled = text_of(shop_.with_id("cancel_order_v1", all.caller, all.order_id));
  EXPECT_EQ(cancelled, model.cancel(all.caller.customer, all.order_id));
  programs_.check_books();
  for (std::size_t i = 0; i < 300; ++i) {
    const protocol::CartChange change{.caller = caller("bert"),
                                      .request_id = request_id(i),
                                      .offer = lines[i].offer,
                                      .quantity = 2};
    ASSERT_EQ(text_of(shop_.change_cart("add_cart_line_v1", change)),
              model.change_cart("add_cart_line_v1", change));
  }
  const std::int64_t version = model.cart_version(id("bert"));
  programs_.place_orders({cart_order("bert", "whole cart", version)});
  programs_.place_orders({order("cara", "nothing left", lines)});
  programs_.check_books();
  programs_.check_histories();
}

}  // namespace
}  // namespace depot::store::test

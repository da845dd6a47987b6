// The rules of stock, orders, carts and cancellations once more, in plain C++ and in memory: what
// the functions in Redis are compared with, answer by answer.
//
// Written after docs/STORE.md and docs/ARCHITECTURE.md, not after the functions.
//
// Threads: one.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "protocol/carts.hpp"
#include "protocol/orders.hpp"
#include "protocol/sync.hpp"
#include "tests/unit/store/shop.hpp"

namespace depot::store::test {

class Model {
 public:
  struct Offer {
    std::int64_t price = 0, wanted = 0, offered = 0, cut = 0, sold = 0, refused = 0;
    std::int64_t available() const { return offered - sold - cut; }
    void level();
  };
  struct Cart {
    std::int64_t version = 0;
    std::vector<std::string> requests;
    std::vector<protocol::OrderLine> lines;  // seen_price always there
  };
  struct Order {
    protocol::OrderRow row;
    bool cancelled = false;
  };

  explicit Model(std::int64_t units_cap) : units_cap_(units_cap) {}

  void add_maker(const std::string& maker);
  void add_customer(const std::string& name, bool with_card) { has_card_[id(name)] = with_card; }

  // Each answers as text_of() writes it.
  void offer(const std::string& maker, const std::vector<protocol::OfferRow>& rows);
  std::vector<std::string> place(const std::vector<protocol::PlaceOrder>& batch,
                                 std::int64_t lines_max);
  std::string change_cart(const std::string& function, const protocol::CartChange& change);
  std::string cart(const std::string& customer) const;
  std::string cancel(const std::string& customer, const std::string& order);
  std::string order(const std::string& customer, const std::string& order) const;
  void accept(const std::string& maker) { accepted_[maker] = head(maker); }

  const std::map<std::string, Offer>& offers() const { return offers_; }
  const std::map<std::string, std::vector<protocol::LedgerEntry>>& ledgers() const {
    return ledgers_;
  }
  std::vector<std::string> history(const std::string& customer) const;
  std::int64_t cart_version(const std::string& customer) const;
  std::int64_t head(const std::string& maker) const { return std::ssize(ledgers_.at(maker)) - 1; }

 private:
  struct Verdict {
    std::vector<protocol::LineVerdict> faults;
    std::vector<std::int64_t> saleable;  // one per line
    bool any = false;
  };

  std::string place_one(const protocol::PlaceOrder& wish);
  std::string replay(const protocol::PlaceOrder& wish) const;
  std::optional<std::string> rejected(const std::vector<protocol::OrderLine>& lines) const;
  Verdict judge(const std::string& customer, const std::vector<protocol::OrderLine>& lines) const;
  protocol::LineProblem problem_of(const std::string& offer, std::int64_t quantity,
                                   std::optional<std::int64_t> seen, std::int64_t allowed) const;
  std::string refuse(const protocol::PlaceOrder& wish, protocol::Problem problem,
                     const Verdict& verdict);
  std::string sell(const protocol::PlaceOrder& wish, const std::vector<protocol::OrderLine>& lines,
                   const Verdict& verdict);
  std::vector<std::string> tidy(Cart& cart, const Verdict& verdict, bool bought);
  void count_demand(const Verdict& verdict);
  std::int64_t allowed(const std::string& customer, const std::string& offer) const;
  protocol::OrderView view(const std::string& id, const Order& order) const;

  std::int64_t units_cap_;
  std::map<std::string, bool> has_card_;
  std::map<std::string, Offer> offers_;
  std::map<std::string, std::vector<protocol::LedgerEntry>> ledgers_;
  std::map<std::string, std::int64_t> accepted_;
  std::map<std::string, Cart> carts_;
  std::map<std::string, Order> orders_;
  std::vector<std::string> placed_;  // ids in the order of purchase
  std::map<std::string, std::pair<std::string, protocol::Refusal>> refusals_;  // with fingerprint
  std::map<std::pair<std::string, std::string>, std::int64_t> bought_;
  std::map<std::string, protocol::LedgerEntry> batch_;  // manufacturer -> the entry being made
};

}  // namespace depot::store::test

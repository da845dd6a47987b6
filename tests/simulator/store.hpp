// The store's functions that the simulated deciders call, in memory: what a manufacturer may do
// (ModelStore), and orders with their idempotency records.
//
// Threads: one.
// Source:  docs/STORE.md; the real functions are compared with a model in tests/unit/store.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulator/books.hpp"
#include "tests/simulator/mistake.hpp"
#include "tests/simulator/model_store.hpp"

namespace depot::simulator {

class Store : public manufacturer_hub::ModelStore {
 public:
  Store(Books& books, Mistake mistake) : books_(books), mistake_(mistake) {}

  // FCALL place_orders_v1: options, order, order, ... One answer each; fewer where lines_max says.
  std::vector<std::string> place_orders(const std::vector<std::string>& arguments);
  std::string get_order(std::string_view body) const;

  // The books, added up anew from the ledgers alone; throws Violation where they do not balance.
  void audit() const;
  std::size_t orders() const { return orders_.size(); }

 private:
  struct Record {
    std::string fingerprint, customer, row;
  };
  struct Part {  // of a batch, of one manufacturer: the entry being made
    std::string rows, stock;
    std::size_t count = 0;
  };
  using Parts = std::map<std::string, Part, std::less<>>;

  std::string place(const protocol::PlaceOrder& wish, bool stopped, Parts& parts);
  std::string sell(const protocol::PlaceOrder& wish, Parts& parts);

  Books& books_;
  const Mistake mistake_;
  std::map<std::string, Record> orders_, refusals_;
};

}  // namespace depot::simulator

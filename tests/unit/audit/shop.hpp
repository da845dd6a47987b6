// A small, correct data set in a private Redis, written by hand after docs/STORE.md, for the audit
// to find right and, once a fault is planted, wrong.
//
// Independent of store/ on purpose: these rows say what the document says, not what the code does.
//
// Threads: one.
#pragma once

#include <concepts>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "control/audit.hpp"
#include "control/audit_reader.hpp"

namespace depot::control::audit {

// msgpack of what tests need: integers, strings, and arrays of values already packed.
std::string pack_integer(std::int64_t value);
inline std::string pack(std::integral auto value) { return pack_integer(value); }
std::string pack(std::string_view value);
inline std::string pack(const char* value) { return pack(std::string_view(value)); }
std::string pack_array(const std::vector<std::string>& packed);
template <typename... Values>
std::string packed(const Values&... values) {
  return (std::string() + ... + pack(values));
}

inline const std::string kFingerprint = "0123456789abcdef";  // of nothing

struct Line {
  std::string maker, sku;
  std::int64_t quantity = 0;
};
struct Wish {  // what an order's row has besides what was sold
  std::string fingerprint = kFingerprint;
  std::vector<Line> refused = {};  // as asked for; then it was bought as far as available
};

class Shop {
 public:
  Shop();
  ~Shop();

  void offer(const std::string& maker, const std::string& sku, std::int64_t price,
             std::int64_t wanted);
  void sell(const std::string& order, const std::string& customer, const std::vector<Line>& lines,
            const Wish& wish = {});
  void cancel(const std::string& order);
  void refuse(const std::string& order);

  Reply redis(const std::vector<std::string>& arguments) { return redis_->command(arguments); }
  AuditResult audit(const std::string& histories = "", const std::string& agents = "") const;
  const std::string& folder() const { return folder_; }

  // Writes the entry as the ledger's next and moves the head.
  void append(const std::string& maker, std::int64_t kind, const std::vector<std::string>& fields);
  // Moves a stock row's counter: 0 price, 1 wanted, 2 offered, 3 cut, 4 sold.
  void bend(const std::string& offer, std::size_t counter, std::int64_t by);
  std::string order_row(const std::string& order, std::int64_t price_change,
                        std::int64_t number_change) const;

 private:
  struct Stock {
    std::int64_t counters[6] = {};
    std::int64_t available() const { return counters[2] - counters[3] - counters[4]; }
    void restate();
  };
  struct Part {
    std::string maker;
    std::int64_t number = 0;
  };
  struct Order {
    std::string customer;
    std::vector<Line> lines;
    Wish wish;
    std::vector<Part> parts;
  };
  void write_stock(const std::string& offer);
  void write_head(const std::string& maker);

  std::string folder_;
  std::optional<Process> server_;
  std::optional<Redis> redis_;
  std::map<std::string, Stock> stock_;
  std::map<std::string, std::int64_t> next_;  // number of each ledger's next entry
  std::map<std::string, Order> orders_;
};

inline constexpr const char* kCycle = "2026-11";
// Ids are 16 characters: "order-1" becomes "order-1---------".
std::string id(std::string text);

}  // namespace depot::control::audit

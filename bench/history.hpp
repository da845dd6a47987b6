// What a client saw, one line of JSON per attempt, for `depot audit --histories`:
//
//   {"client":"<customer id>","key":"<Idempotency-Key>","fingerprint":"<32 hex>",
//    "lines":[["m1:sku",3]],"t_invoke_ns":1,"t_done_ns":2,"class":"done","status":201,
//    "order_id":"<16 characters>","bought":[["m1:sku",3,1299]],"total":3897}
//
// lines: what was asked for, offer and quantity, and the price seen where one was, which must be
// the one sold at; beside "mode":"available" where it was, and "cart_version":7 where that was
// bought: then they are what the client knows of that version, and may be missing. bought, total:
// what a 201 said.
// class: done (201), no (409, a verdict on record), rejected (another 4xx, nothing happened),
// unknown (everything else: it may have happened), read (of stock: no key, fingerprint, status),
// cancel (of "order_id", with its status: no key, fingerprint).
// What the answer says of stock: "told":[{"offer":"m1:sku","requested":3,"available":1}], in a
// refusal for the lines that are short or sold out; "lag_ms": a read may be behind by so much.
// A line {"class":"healed","t_ns":3,"within_ms":20000}: all faults had an end by then, and each
// order a definite answer within that time of it, or of its first attempt; 503 and 429 are one,
// too. Times are of the steady clock, so the files of one folder are of one machine since it
// started.
//
// Threads: one; each thread of a load writes a file of its own.
// Errors:  StartupError (exit 1) where the file cannot be written.
// Source:  docs/TRACES.md.
#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "protocol/orders.hpp"

namespace depot::bench {

enum class Answer { done, no, rejected, unknown };
Answer answer_of(int http_status);  // 0: none came

struct ToldStock {  // what an answer said of one offer
  std::string offer;
  std::int64_t requested = 0, available = 0;  // requested: 0 in a read
  friend bool operator==(const ToldStock&, const ToldStock&) = default;
};
// Of a refusal's body.
std::vector<ToldStock> shortages(std::string_view body);

struct BoughtLine {
  std::string offer;
  std::int64_t quantity = 0, unit_price = 0;
  friend bool operator==(const BoughtLine&, const BoughtLine&) = default;
};
struct Receipt {  // what a 201 said
  std::string order_id = {};
  std::vector<BoughtLine> lines = {};
  std::int64_t total = 0;
  friend bool operator==(const Receipt&, const Receipt&) = default;
};
// Of a 201's body. Throws where it is none.
Receipt receipt_of(const boost::json::value& order);
// What stands in a cart, of its answer, with the prices seen.
std::vector<protocol::OrderLine> lines_of(const boost::json::value& cart);

struct Attempt {
  std::string_view client, key;
  const protocol::PlaceOrder& asked;  // its fingerprint, mode, cart_version and lines
  TimePoint invoked, done;
  int status = 0;
  const Receipt* receipt = nullptr;  // of a 201
  std::span<const ToldStock> told = {};
};

struct Cancelling {
  std::string_view client, order_id;
  TimePoint invoked, done;
  int status = 0;
};

struct StockRead {
  std::string_view client;
  TimePoint invoked, done;
  Duration lag{0};
  std::span<const ToldStock> told;
};

class History {
 public:
  explicit History(const std::string& path);  // appends; "" writes nothing
  bool kept() const { return file_ != nullptr; }
  void add(const Attempt& attempt);
  void add(const StockRead& read);
  void add(const Cancelling& cancelling);
  void add_healed(TimePoint at, Duration within);
  void close();  // Throws where not all of it could be written.

 private:
  void add_asked(const protocol::PlaceOrder& asked);
  void add_receipt(const Receipt& receipt);
  void add_told(std::span<const ToldStock> told);
  void end_line();

  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::string line_;
};

}  // namespace depot::bench

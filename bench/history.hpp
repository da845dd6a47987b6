// What a client saw, one line of JSON per attempt, for `depot audit --histories`:
//
//   {"client":"<customer id>","key":"<Idempotency-Key>","fingerprint":"<32 hex>","t_invoke_ns":1,
//    "t_done_ns":2,"class":"done","status":201,"order_id":"<16 characters>"}
//
// class: done (201), no (409, a verdict on record), rejected (another 4xx, nothing happened),
// unknown (everything else: it may have happened), read (of stock: no key, fingerprint, status).
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

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

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

struct Attempt {
  std::string_view client, key, fingerprint;  // fingerprint: 16 raw bytes
  TimePoint invoked, done;
  int status = 0;
  std::string_view order_id;  // of a 201
  std::span<const ToldStock> told = {};
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
  void add_healed(TimePoint at, Duration within);
  void close();  // Throws where not all of it could be written.

 private:
  void add_told(std::span<const ToldStock> told);
  void end_line();

  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::string line_;
};

}  // namespace depot::bench

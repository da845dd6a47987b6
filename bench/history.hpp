// What a client saw, one line of JSON per attempt, for `depot audit --histories`:
//
//   {"client":"<customer id>","key":"<Idempotency-Key>","fingerprint":"<32 hex>","t_invoke_ns":1,
//    "t_done_ns":2,"class":"done","status":201,"order_id":"<16 characters>"}
//
// class: done (201), no (409, a verdict on record), rejected (another 4xx, nothing happened),
// unknown (everything else: it may have happened). Times are of the steady clock.
//
// Threads: one; each thread of a load writes a file of its own.
// Errors:  StartupError (exit 1) where the file cannot be written.
// Source:  docs/TRACES.md.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace depot::bench {

enum class Answer { done, no, rejected, unknown };
Answer answer_of(int http_status);  // 0: none came

struct Attempt {
  std::string_view client, key, fingerprint;  // fingerprint: 16 raw bytes
  TimePoint invoked, done;
  int status = 0;
  std::string_view order_id;  // of a 201
};

class History {
 public:
  explicit History(const std::string& path);  // appends; "" writes nothing
  void add(const Attempt& attempt);
  void close();  // Throws where not all of it could be written.

 private:
  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::string line_;
};

}  // namespace depot::bench

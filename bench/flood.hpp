// A flood: requests over HTTP as fast as told, each sent once and never again, whatever comes of
// it. What an overload is made of, and what each kind of answer took; engine.hpp has customers who
// behave.
//
// Threads: flood() runs on its caller's.
// Errors:  StartupError where nobody listens. A connection that breaks is an answer of status 0.
#pragma once

#include <atomic>
#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/histogram.hpp"

namespace depot::bench {

inline constexpr std::string_view kKeyMark = "@@@@@@@@@@@@@@@@";

struct FloodOptions {
  int port = 0;                            // of 127.0.0.1
  std::vector<std::string> requests = {};  // sent in turn; 16 `@` become a text not used before
  std::size_t connections = 1;
  double rate = 0;  // a second, evenly (open loop); 0: each connection again with its answer
  Duration length{};
  Duration patience = std::chrono::seconds(10);  // for answers, behind the end
  Duration window = std::chrono::milliseconds(100);
  const std::atomic<bool>* stop = nullptr;  // ends it before its time
  // Called with what a request's mark became, its place in `requests`, and its status.
  std::function<void(const std::string& key, std::size_t request, int status)> on_answer = {};
};

struct FloodReport {
  struct Answers {
    std::uint64_t count = 0;
    Histogram sent, due;  // what they took since they were sent; since they were to be sent
  };
  struct Window {                             // of time
    std::uint64_t asked = 0;                  // requests that were due in it
    std::vector<std::uint32_t> good_us = {};  // of those that got 2xx: what they took since then
    std::uint64_t served = 0;                 // 2xx that came in it
    std::uint32_t percentile_us(double fraction) const;
  };
  TimePoint begin{};
  Duration length{};                      // until the last request was sent
  std::map<int, Answers> answers = {};    // by status; 0: the connection broke
  std::uint64_t unanswered = 0;           // when patience was over
  std::uint64_t without_retry_after = 0;  // of 503 and 429
  double cpu_seconds = 0;                 // of this process, meanwhile
  Duration window{};
  std::vector<Window> windows = {};

  std::uint64_t count(int status) const;
  std::uint64_t total() const;  // all that were sent
  double per_second(int status) const;
  double milliseconds(int status, double fraction) const;  // since they were sent
};

FloodReport flood(const FloodOptions& options);

boost::json::object json_of(const FloodReport& report);

}  // namespace depot::bench

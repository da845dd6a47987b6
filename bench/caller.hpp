// One HTTP request until its answer is definite: repeated, later and later, as clients should.
//
// Threads: belongs to the thread that runs the io_context.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <random>
#include <string>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "base/result.hpp"
#include "base/stop_signal.hpp"
#include "http/client.hpp"

namespace depot::bench {

struct Call {
  std::string method, target, head, body;
};

class Caller {
 public:
  using Answer = Result<http::ClientResponse>;
  // After each attempt: what came of it, and when it was sent.
  using OnAttempt = std::function<void(const Answer&, TimePoint sent)>;

  Caller(boost::asio::io_context& io, const std::string& where, Millis give_up,
         const StopSignal* stop);
  // The definite answer; or, when `give_up` has passed or a stop is requested, the last that was
  // not. REQUIRES: no call under way; the arguments outlive the call, *this outlives its coroutine.
  boost::asio::awaitable<Answer> call(const Call& call, const OnAttempt& on_attempt);

 private:
  Duration delay(const Answer& answer, int attempts);
  http::Connection connection_;
  boost::asio::steady_timer timer_;
  Millis give_up_;
  const StopSignal* stop_;
  std::minstd_rand random_;
};

}  // namespace depot::bench

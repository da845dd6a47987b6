// One HTTP request until its answer is definite: repeated, later and later, as clients should.
//
// Threads: belongs to the thread that runs the io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <random>
#include <string>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "base/result.hpp"
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
  // The definite answer; or, when `give_up` has passed, the last one that was not.
  using OnDone = std::function<void(const Answer&, TimePoint first_sent)>;

  Caller(boost::asio::io_context& io, const std::string& where, Millis give_up);
  // REQUIRES: no call under way.
  void call(Call call, OnAttempt on_attempt, OnDone on_done);

 private:
  void attempt();
  void on_answer(const Answer& answer);
  Duration delay(const Answer& answer);

  http::Connection connection_;
  boost::asio::steady_timer timer_;
  Millis give_up_;
  std::minstd_rand random_;
  Call call_;
  OnAttempt on_attempt_;
  OnDone on_done_;
  TimePoint first_sent_, sent_;
  int attempts_ = 0;
};

}  // namespace depot::bench

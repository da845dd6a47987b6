#include "bench/caller.hpp"

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <memory>

#include "base/crypto.hpp"

namespace depot::bench {
namespace {

namespace net = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kFirstDelay{20};
constexpr milliseconds kDelayMax{1'000};
constexpr seconds kRetryAfterMax{10};

// 5xx and "too many requests" leave it open whether, or when, it will be done.
bool is_definite(const Caller::Answer& answer) {
  return answer && answer->status < 500 && answer->status != 429;
}

}  // namespace

Caller::Caller(net::io_context& io, const std::string& where, Millis give_up,
               const StopSignal* stop)
    : connection_(io, where),
      timer_(io),
      give_up_(give_up),
      stop_(stop),
      random_(static_cast<std::minstd_rand::result_type>(random_u64())) {}

net::awaitable<Caller::Answer> Caller::call(const Call& call, const OnAttempt& on_attempt) {
  const auto send = [this, &call](auto handler) {
    const auto done = std::make_shared<decltype(handler)>(std::move(handler));  // to be copied
    connection_.request(call.method, call.target, call.head, call.body,
                        [done](Answer answer) { (*done)(std::move(answer)); });
  };
  const TimePoint give_up = steady_now() + give_up_;
  for (int attempts = 1;; ++attempts) {
    const TimePoint sent = steady_now();
    Answer answer = co_await net::async_initiate<const net::use_awaitable_t<>&, void(Answer)>(
        send, net::use_awaitable);
    on_attempt(answer, sent);
    const bool stopped = stop_ != nullptr && stop_->requested();
    if (is_definite(answer) || stopped || steady_now() > give_up) co_return answer;
    timer_.expires_after(delay(answer, attempts));
    co_await timer_.async_wait(net::use_awaitable);
  }
}

// Doubling with full jitter, so that those who were refused together do not return together.
Duration Caller::delay(const Answer& answer, int attempts) {
  const Duration top = std::min<Duration>(kFirstDelay * (1 << std::min(attempts, 6)), kDelayMax);
  const Duration jittered(std::uniform_int_distribution<Duration::rep>(0, top.count())(random_));
  const int asked = answer ? std::atoi(std::string(answer->header("retry-after")).c_str()) : 0;
  return std::max(jittered, std::min<Duration>(seconds(asked), kRetryAfterMax));
}

}  // namespace depot::bench

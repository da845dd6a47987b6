#include "bench/caller.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/crypto.hpp"

namespace depot::bench {
namespace {

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

Caller::Caller(boost::asio::io_context& io, const std::string& where, Millis give_up)
    : connection_(io, where),
      timer_(io),
      give_up_(give_up),
      random_(static_cast<std::minstd_rand::result_type>(random_u64())) {}

void Caller::call(Call call, OnAttempt on_attempt, OnDone on_done) {
  call_ = std::move(call);
  on_attempt_ = std::move(on_attempt);
  on_done_ = std::move(on_done);
  attempts_ = 0;
  first_sent_ = steady_now();
  attempt();
}

void Caller::attempt() {
  ++attempts_;
  sent_ = steady_now();
  connection_.request(call_.method, call_.target, call_.head, call_.body,
                      [this](Answer answer) { on_answer(answer); });
}

void Caller::on_answer(const Answer& answer) {
  on_attempt_(answer, sent_);
  if (is_definite(answer) || steady_now() - first_sent_ > give_up_) {
    const OnDone done = std::exchange(on_done_, nullptr);  // It may begin the next call.
    return done(answer, first_sent_);
  }
  timer_.expires_after(delay(answer));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) attempt();
  });
}

// Doubling with full jitter, so that those who were refused together do not return together.
Duration Caller::delay(const Answer& answer) {
  const Duration top = std::min<Duration>(kFirstDelay * (1 << std::min(attempts_, 6)), kDelayMax);
  const Duration jittered(std::uniform_int_distribution<Duration::rep>(0, top.count())(random_));
  const int asked = answer ? std::atoi(std::string(answer->header("retry-after")).c_str()) : 0;
  return std::max(jittered, std::min<Duration>(seconds(asked), kRetryAfterMax));
}

}  // namespace depot::bench

#include "bench/offer_flood.hpp"

namespace depot::bench {
namespace {

constexpr auto kResendAfter = std::chrono::milliseconds(20);  // A good agent waits for 300 ms.
constexpr int kBurst = 40;
constexpr std::uint64_t kAheadMax = 512;  // More than offers_in_flight_max: the rest is dropped.

}  // namespace

void OfferFlood::turn(TimePoint now) {
  if (!session_.turn(now)) return;
  if (now >= resend_due_) {
    resend_due_ = now + kResendAfter;
    next_ = written() + 1;  // What the hub has dropped is among these.
  }
  for (int i = 0; i < kBurst && next_ <= written() + kAheadMax; ++i, ++next_) {
    said_ += session_.send(
        session_.record(next_, rows_, 1'000 + static_cast<std::int64_t>(next_ % 500)));
  }
}

}  // namespace depot::bench

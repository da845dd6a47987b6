#include "tests/support/bad_network.hpp"

#include <future>

namespace depot::test {

using namespace std::chrono_literals;

namespace {

constexpr unsigned kPlacesMax = 4;  // so many later frames overtake a late one
constexpr auto kLateMax = 100ms;    // where none comes to overtake it

}  // namespace

void Lane::take(const Parts& frame, TimePoint now) {
  const bool bad = network_.state == Link::bad;
  ++seen_;
  if (network_.state == Link::cut || (bad && network_.chance(network_.bad_.lost))) {
    ++network_.lost;
    return;
  }
  const int copies = bad && network_.chance(network_.bad_.doubled) ? 2 : 1;
  if (copies == 2) ++network_.doubled;
  for (int copy = 0; copy < copies; ++copy) {
    const bool late = bad && network_.chance(network_.bad_.late);
    const auto places = late ? 1 + network_.random_() % kPlacesMax : 0;
    if (late) ++network_.late;
    held_.push_back({frame, seen_ + places, now + kLateMax});
  }
  release(now);
}

void Lane::turn(TimePoint now) {
  if (network_.state == Link::cut) held_.clear();
  release(now);
}

void Lane::release(TimePoint now) {
  for (auto held = held_.begin(); held != held_.end();) {
    if (held->at > seen_ && now < held->until) {
      ++held;
      continue;
    }
    deliver_(held->frame);
    ++network_.passed;
    held = held_.erase(held);
  }
}

void Proxy::start(const Make& make) {
  std::promise<void> ready;
  std::future<void> made = ready.get_future();
  thread_ = std::jthread([this, &make, ready = std::move(ready)]() mutable {
    std::unique_ptr<Wires> wires;
    try {
      wires = make(network_);
    } catch (...) {
      return ready.set_exception(std::current_exception());
    }
    ready.set_value();
    while (!stopped_) wires->turn();
  });
  made.get();
}

}  // namespace depot::test

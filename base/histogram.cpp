#include "base/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace depot {
namespace {

// Values below 2,048 us have a step each; above, each doubling has 1,024 steps, so a step is at
// most 1/1,024 of its value.
constexpr int kLinearBits = 11;
constexpr std::uint64_t kHalf = 1U << (kLinearBits - 1);
constexpr std::uint64_t kMaxUs = 3'600'000'000;

constexpr std::size_t index_of(std::uint64_t us) {
  const int doublings = std::max(0, static_cast<int>(std::bit_width(us)) - kLinearBits);
  return static_cast<std::uint64_t>(doublings) * kHalf + (us >> doublings);
}

// The largest value that falls into the step.
constexpr std::uint64_t top_of(std::size_t index) {
  if (index < 2 * kHalf) return index;
  const std::uint64_t doublings = index / kHalf - 1;
  return ((index - doublings * kHalf + 1) << doublings) - 1;
}
static_assert(top_of(index_of(2'047)) == 2'047 && top_of(index_of(2'048)) == 2'049);

std::chrono::nanoseconds from_us(std::uint64_t us) { return std::chrono::microseconds(us); }

}  // namespace

Histogram::Histogram() : counts_(index_of(kMaxUs) + 1) {}

void Histogram::record(std::chrono::nanoseconds value, std::uint64_t count) {
  if (count == 0) return;
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(0, value.count() / 1'000));
  const std::uint64_t kept = std::min(us, kMaxUs);
  counts_[index_of(kept)] += count;
  count_ += count;
  sum_us_ += kept * count;
  min_us_ = std::min(min_us_, kept);
  max_us_ = std::max(max_us_, kept);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_us_ += other.sum_us_;
  min_us_ = std::min(min_us_, other.min_us_);
  max_us_ = std::max(max_us_, other.max_us_);
}

std::chrono::nanoseconds Histogram::min() const { return from_us(count_ ? min_us_ : 0); }
std::chrono::nanoseconds Histogram::max() const { return from_us(max_us_); }
std::chrono::nanoseconds Histogram::mean() const { return from_us(count_ ? sum_us_ / count_ : 0); }

std::chrono::nanoseconds Histogram::percentile(double fraction) const {
  if (count_ == 0) return {};
  const double rank = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
  const std::uint64_t wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(rank));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= wanted) return from_us(std::clamp(top_of(i), min_us_, max_us_));
  }
  return max();
}

}  // namespace depot

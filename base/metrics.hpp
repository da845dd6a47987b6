// Counters, gauges and latency histograms of one process, and their text for /metrics.
//
// Hot counters are relaxed atomics; reading them never stops a writer. Names follow Prometheus:
// prefix depot_, base units, _total, _seconds, _bytes; labels are bounded (no user or order ids).
//
// Threads: registration by one thread before the loops start; the rest by any.
// Source:  prometheus-cpp's TextSerializer writes the format.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace depot {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(std::int64_t v) { value_.store(v, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// Fixed buckets from 50 us to 10 s, one atomic add per observation.
class LatencyMetric {
 public:
  static constexpr std::array<double, 16> kBoundsSeconds = {
      0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
      0.025,   0.05,   0.1,     0.25,   0.5,   1.0,    2.5,   10.0};
  void observe(std::chrono::nanoseconds duration);

  std::array<std::uint64_t, kBoundsSeconds.size() + 1> counts() const;
  double sum_seconds() const;

 private:
  std::array<std::atomic<std::uint64_t>, kBoundsSeconds.size() + 1> counts_{};
  std::atomic<std::uint64_t> sum_ns_{0};
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // References stay valid for the life of the registry. Same name, other labels: one family.
  Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, Labels labels = {});
  LatencyMetric& latency(std::string_view name, std::string_view help, Labels labels = {});

  // The exposition text, process_start_time_seconds, CPU seconds and resident bytes included.
  std::string text() const;

 private:
  template <typename T>
  struct Entry {
    Entry(std::string_view n, std::string_view h, Labels l)
        : name(n), help(h), labels(std::move(l)) {}
    std::string name, help;
    Labels labels;
    T metric;
  };
  const double started_seconds_;  // unix time; registries are made as a process starts
  std::deque<Entry<Counter>> counters_;
  std::deque<Entry<Gauge>> gauges_;
  std::deque<Entry<LatencyMetric>> latencies_;
};

}  // namespace depot

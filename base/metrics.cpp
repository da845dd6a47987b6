#include "base/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <limits>

#include "base/process.hpp"

namespace depot {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

double to_double(std::uint64_t value) { return static_cast<double>(value); }

MetricFamily& family_named(std::vector<MetricFamily>& families, const std::string& name,
                           const std::string& help, MetricType type) {
  for (MetricFamily& family : families) {
    if (family.name == name) return family;
  }
  return families.emplace_back(MetricFamily{name, help, type, {}});
}

// The metric of every entry, `fill`ed with its values, below the family of its name.
void collect(const auto& entries, MetricType type, std::vector<MetricFamily>& families, auto fill) {
  for (const auto& entry : entries) {
    ClientMetric& metric =
        family_named(families, entry.name, entry.help, type).metric.emplace_back();
    for (const auto& [name, value] : entry.labels) metric.label.push_back({name, value});
    fill(entry.metric, metric);
  }
}

void add_process_metrics(double started, std::vector<MetricFamily>& families) {
  const auto add = [&](const char* name, const char* help, MetricType type, double value) {
    ClientMetric metric;
    metric.counter.value = metric.gauge.value = value;
    family_named(families, name, help, type).metric.push_back(metric);
  };
  add("process_start_time_seconds", "When the process started, unix time.", MetricType::Gauge,
      started);
  add("process_cpu_seconds_total", "User and system CPU time.", MetricType::Counter,
      cpu_seconds(getpid()));
  add("process_resident_memory_bytes", "Resident memory.", MetricType::Gauge,
      static_cast<double>(resident_bytes(getpid())));
}

}  // namespace

void LatencyMetric::observe(std::chrono::nanoseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  std::size_t bucket = 0;
  while (bucket < kBoundsSeconds.size() && seconds > kBoundsSeconds[bucket]) ++bucket;
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  if (duration.count() > 0) {
    sum_ns_.fetch_add(static_cast<std::uint64_t>(duration.count()), std::memory_order_relaxed);
  }
}

std::array<std::uint64_t, LatencyMetric::kBoundsSeconds.size() + 1> LatencyMetric::counts() const {
  std::array<std::uint64_t, kBoundsSeconds.size() + 1> counts;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    counts[i] = counts_[i].load(std::memory_order_relaxed);
  }
  return counts;
}

double LatencyMetric::sum_seconds() const {
  return to_double(sum_ns_.load(std::memory_order_relaxed)) / 1e9;
}

Metrics::Metrics()
    : started_seconds_(
          std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
              .count()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(std::string_view name, std::string_view help, Labels labels) {
  return counters_.emplace_back(name, help, std::move(labels)).metric;
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, Labels labels) {
  return gauges_.emplace_back(name, help, std::move(labels)).metric;
}

LatencyMetric& Metrics::latency(std::string_view name, std::string_view help, Labels labels) {
  return latencies_.emplace_back(name, help, std::move(labels)).metric;
}

std::string Metrics::text() const {
  std::vector<MetricFamily> families;
  collect(counters_, MetricType::Counter, families,
          [](const Counter& counter, ClientMetric& metric) {
            metric.counter.value = to_double(counter.value());
          });
  collect(gauges_, MetricType::Gauge, families, [](const Gauge& gauge, ClientMetric& metric) {
    metric.gauge.value = static_cast<double>(gauge.value());
  });
  collect(latencies_, MetricType::Histogram, families,
          [](const LatencyMetric& latency, ClientMetric& metric) {
            std::uint64_t seen = 0;
            auto bound = LatencyMetric::kBoundsSeconds.begin();
            for (const std::uint64_t count : latency.counts()) {
              const bool last = bound == LatencyMetric::kBoundsSeconds.end();
              seen += count;
              metric.histogram.bucket.push_back(
                  {seen, last ? std::numeric_limits<double>::infinity() : *bound++});
            }
            metric.histogram.sample_count = seen;
            metric.histogram.sample_sum = latency.sum_seconds();
          });
  add_process_metrics(started_seconds_, families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace depot

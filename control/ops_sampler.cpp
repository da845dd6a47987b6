#include "control/ops_sampler.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <numeric>

#include "base/process.hpp"
#include "control/status_reading.hpp"

namespace depot::control {
namespace {

// The store counts the answers of all manufacturers: too much for each look.
constexpr auto kCyclesEvery = std::chrono::seconds(5);
constexpr const char* kCycles = "8";  // the newest, two of which are not closed

std::size_t cpu_of(std::string_view kind) {
  return cpu_seconds_of +
         static_cast<std::size_t>(std::ranges::find(kKinds, kind) - std::begin(kKinds));
}

}  // namespace

OpsSampler::OpsSampler(const AdminConfig& config, std::function<UpView()> view)
    : view_(std::move(view)),
      every_(config.sample_every),
      samples_max_(static_cast<std::size_t>(config.samples_max)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

OpsSampler::~OpsSampler() = default;  // A jthread asks and joins; it is the last member.

OpsState OpsSampler::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void OpsSampler::run(const std::stop_token& stop) {
  TimePoint due = steady_now();
  while (!stop.stop_requested()) {
    take_sample();
    due = std::max(due + every_, steady_now());  // Late samples are not caught up on.
    std::unique_lock lock(mutex_);
    wake_.wait_until(lock, stop, due, [] { return false; });
  }
}

void OpsSampler::take_sample() {
  const UpView view = view_();
  const TimePoint now = steady_now();
  elapsed_ = std::chrono::duration<double>(now - taken_).count();
  taken_ = now;
  use_.clear();
  Sample sample{.taken = now, .wall = wall_now()};
  auto status = std::make_shared<const boost::json::value>(status_document(view, redis_, false));
  look_at_cycles();
  std::vector<std::string> gateways;  // A silent one is not waited for again.
  for (const boost::json::value& row : list_at(*status, "processes")) {
    const std::string name = text_at(row, "name");
    if (kind_of(name) == "gateway" && at(row, "status").is_object()) gateways.push_back(name);
  }
  const auto metrics = ask(view.config, gateways, "/metrics");
  for (const boost::json::value& row : list_at(*status, "processes")) {
    const std::string name = text_at(row, "name");
    const std::string_view kind = kind_of(name);
    const int pid = static_cast<int>(number_at(row, "pid"));
    if (pid == 0) continue;
    const boost::json::value& own = at(row, "status");
    Counts counts{};
    counts[cpu_of(kind)] = cpu_seconds(pid);
    if (const auto text = metrics.find(name); text != metrics.end()) {
      count_requests(text->second, counts);
    }
    counts[orders_placed] = static_cast<double>(number_at(own, "orders_placed"));
    counts[orders_refused] = static_cast<double>(number_at(own, "orders_refused"));
    add(name, pid, counts, resident_bytes(pid));
    if (kind != "balancer") continue;
    sample.queued += static_cast<double>(number_at(own, "queued"));
    for (const boost::json::value& worker : list_at(own, "workers")) {
      sample.outstanding += static_cast<double>(number_at(worker, "outstanding"));
    }
  }
  const auto add_apart = [this](const char* name, int pid, double cpu, std::int64_t resident) {
    Counts counts{};
    counts[cpu_of(name)] = cpu;
    add(name, pid, counts, resident);
  };
  add_apart("up", getpid(), cpu_seconds(getpid()), resident_bytes(getpid()));
  const boost::json::value& redis = at(*status, "redis");
  if (at(redis, "pid").is_number()) {
    add_apart("redis", static_cast<int>(number_at(redis, "pid")),
              real_at(redis, "cpu_seconds").value_or(0), number_at(redis, "resident_memory"));
    sample.redis_used = real_at(redis, "used_memory").value_or(kUnknown);
    sample.ledger_entries = real_at(redis, "ledger_entries").value_or(kUnknown);
  }
  sample.counts = totals_.counts();
  const std::lock_guard lock(mutex_);
  std::deque<Sample>& samples = state_.samples;
  sample.number = samples.empty() ? 0 : samples.back().number + 1;
  samples.push_back(sample);
  if (samples.size() > samples_max_) samples.pop_front();
  state_.status = std::move(status);
  state_.use = use_;
}

void OpsSampler::look_at_cycles() {
  if (!redis_ || taken_ < cycles_due_) return;
  cycles_due_ = taken_ + kCyclesEvery;
  const auto answer = redis_->command({"FCALL", "cycles_v1", "0", kCycles});
  auto cycles = answer ? decode_cycles(answer->text) : std::nullopt;
  if (!answer) redis_.reset();  // An answer that comes late must not be taken for the next one's.
  if (!cycles) return;
  const std::lock_guard lock(mutex_);
  state_.cycles = std::move(cycles->rows);
}

void OpsSampler::add(const std::string& name, int pid, const Counts& counts,
                     std::int64_t resident) {
  const Counts fresh = totals_.add(name, pid, counts);
  const auto* cpu = fresh.begin() + cpu_seconds_of;
  use_[name] = {std::accumulate(cpu, cpu + std::size(kKinds), 0.0) / elapsed_,
                static_cast<double>(resident)};
}

}  // namespace depot::control

#include "tests/support/announcers.hpp"

#include <algorithm>

#include "messaging/poller.hpp"

namespace depot::test {

using namespace std::chrono_literals;
using messaging::SyncType;

namespace {

constexpr auto kResendAfter = 300ms, kHeadEvery = 500ms;
constexpr int kBurst = 40;  // of the flood, each millisecond at most

}  // namespace

void Announcer::state(int skus, std::int64_t offered) {
  skus_ = skus;
  offered_ = offered;
  ++number_;
  record_.clear();
  record_due_ = {};
}

void Announcer::turn(TimePoint now) {
  if (!session_.turn(now)) return;
  if (!acknowledged() && now >= record_due_) {
    record_due_ = now + kResendAfter;
    if (record_.empty()) record_ = session_.record(number_, skus_, offered_);
    send(record_);
  }
  if (now < head_due_) return;
  head_due_ = now + kHeadEvery;
  const std::uint64_t stated = session_.acknowledged();
  session_.send({SyncType::head, 0, session_.epoch(), stated + 1, stated});
}

std::chrono::milliseconds announce(std::vector<Announcer>& all, int skus, std::int64_t offered,
                                   std::chrono::seconds patience) {
  messaging::Poller poller;  // Of so many sockets it takes none, and only paces.
  for (Announcer& each : all) each.state(skus, offered);
  const TimePoint start = steady_now();
  TimePoint now = start;
  while (now - start < patience && !std::ranges::all_of(all, &Announcer::acknowledged)) {
    for (Announcer& each : all) each.turn(now);
    poller.wait(2ms);
    now = steady_now();
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - start);
}

Flooder::Flooder(const Config& config, const std::string& id)
    : thread_([this, &config, id] { run(config, id); }) {}

Flooder::~Flooder() { stopped_ = true; }

void Flooder::run(const Config& config, const std::string& id) {
  messaging::Context context;
  std::vector<Announcer> self;
  self.emplace_back(context, config, id);
  announce(self, 10, 1, 30s);
  Announcer& one = self.front();
  const std::string known = one.record();
  std::string fetch, nonsense = "this is none of the protocol's frames, but long enough for one";
  messaging::write_sync_header({.type = SyncType::fetch, .from = messaging::kNoPosition}, fetch);
  messaging::Poller poller;
  while (!stopped_) {
    one.turn(steady_now());
    for (int i = 0; i < kBurst; ++i) {
      const std::string& frame = i % 4 == 0 ? nonsense : i % 4 == 1 ? fetch : known;
      if (one.send(frame)) ++said_;
    }
    poller.wait(1ms);
  }
}

}  // namespace depot::test

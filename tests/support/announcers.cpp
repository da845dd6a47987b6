#include "tests/support/announcers.hpp"

#include <algorithm>

#include "messaging/poller.hpp"
#include "protocol/sync.hpp"

namespace depot::test {

using namespace std::chrono_literals;
using messaging::Message;
using messaging::SocketKind;
using messaging::SyncHeader;
using messaging::SyncType;

namespace {

constexpr auto kHelloEvery = 200ms, kResendAfter = 300ms, kHeadEvery = 500ms;
constexpr int kBurst = 40;  // of the flood, each millisecond at most

}  // namespace

Announcer::Announcer(messaging::Context& context, const Config& config, std::string id)
    : id_(std::move(id)), socket_(context, SocketKind::dealer) {
  socket_.connect(config.hub_sync_endpoint());
}

void Announcer::state(int skus, std::int64_t offered) {
  skus_ = skus;
  offered_ = offered;
  ++number_;
  record_.clear();
  acknowledged_ = false;
  record_due_ = {};
}

void Announcer::turn(TimePoint now) {
  Message frame;
  while (socket_.receive(frame)) on_frame(frame.bytes());
  if (!welcomed_ && now >= hello_due_) {
    hello_due_ = now + kHelloEvery;
    std::string body;
    encode(protocol::SyncHello{true, id_, "Maker " + id_, {}, {}, {}, {}}, body);
    return send({.type = SyncType::hello}, body);
  }
  if (!welcomed_) return;
  if (!acknowledged_ && now >= record_due_) {
    record_due_ = now + kResendAfter;
    if (record_.empty()) {
      protocol::OfferRecord record{cycle_, {}};
      for (int i = 0; i < skus_; ++i) {
        const std::string sku = "s" + std::to_string(i);
        record.rows.push_back({sku, "Product " + sku, 250, offered_});
      }
      encode(record, record_);
    }
    send({SyncType::record, 0, epoch_, number_, number_}, record_);
  }
  if (now < head_due_) return;
  head_due_ = now + kHeadEvery;
  const std::uint64_t stated = acknowledged_ ? number_ : number_ - 1;
  send({SyncType::head, 0, epoch_, stated + 1, stated});
}

void Announcer::on_frame(std::string_view frame) {
  SyncHeader header;
  if (!read_sync_header(frame, header)) return;
  if (header.type == SyncType::welcome) {
    const auto welcome = protocol::decode_sync_welcome(frame.substr(messaging::kSyncHeaderSize));
    if (!welcome) return;
    welcomed_ = true;
    cycle_ = welcome->cycle.id;
    if (epoch_ == 0) epoch_ = static_cast<std::uint64_t>(welcome->agent_epoch) + 1;
  } else if (header.type == SyncType::error) {
    welcomed_ = false;
  } else if (header.type == SyncType::ack && header.epoch == epoch_ && header.to == number_) {
    acknowledged_ = true;
  }
}

void Announcer::send(const SyncHeader& header, const std::string& body) {
  std::string frame;
  write_sync_header(header, frame);
  static_cast<void>(socket_.send(frame + body));  // A full pipe: it is said again.
}

std::string Announcer::record_frame() const {
  std::string frame;
  messaging::write_sync_header({SyncType::record, 0, epoch_, number_, number_}, frame);
  return frame + record_;
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
  const std::string known = one.record_frame();
  std::string fetch, nonsense = "this is none of the protocol's frames, but long enough for one";
  messaging::write_sync_header({.type = SyncType::fetch, .from = messaging::kNoPosition}, fetch);
  messaging::Poller poller;
  while (!stopped_) {
    one.turn(steady_now());
    for (int i = 0; i < kBurst; ++i) {
      const std::string& frame = i % 4 == 0 ? nonsense : i % 4 == 1 ? fetch : known;
      if (one.own_socket().send(frame) == messaging::Sent::yes) ++said_;
    }
    poller.wait(1ms);
  }
}

}  // namespace depot::test

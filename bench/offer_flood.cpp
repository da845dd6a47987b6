#include "bench/offer_flood.hpp"

#include <algorithm>

#include "protocol/sync.hpp"

namespace depot::bench {

using namespace std::chrono_literals;
using messaging::SyncHeader;
using messaging::SyncType;

namespace {

constexpr auto kHelloEvery = 200ms, kResendAfter = 20ms;  // A good agent waits for 300 ms.
constexpr int kBurst = 40;
constexpr std::uint64_t kAheadMax = 512;  // More than offers_in_flight_max: the rest is dropped.

}  // namespace

OfferFlood::OfferFlood(messaging::Context& context, const std::string& sync_endpoint,
                       std::string id, int rows)
    : id_(std::move(id)), rows_(rows), socket_(context, messaging::SocketKind::dealer) {
  socket_.connect(sync_endpoint);
}

void OfferFlood::turn(TimePoint now) {
  messaging::Message frame;
  while (socket_.receive(frame)) on_frame(frame.bytes());
  if (!welcomed_) {
    if (now < hello_due_) return;
    hello_due_ = now + kHelloEvery;
    std::string body;
    encode(protocol::SyncHello{true, id_, "Flood " + id_, {}, {}, {}, {}}, body);
    return send({.type = SyncType::hello}, body);
  }
  if (now >= resend_due_) {
    resend_due_ = now + kResendAfter;
    next_ = acknowledged_ + 1;  // What the hub has dropped is among these.
  }
  for (int i = 0; i < kBurst && next_ <= acknowledged_ + kAheadMax; ++i) say_next(next_++);
}

void OfferFlood::on_frame(std::string_view frame) {
  SyncHeader header;
  if (!read_sync_header(frame, header)) return;
  if (header.type == SyncType::welcome) {
    const auto welcome = protocol::decode_sync_welcome(frame.substr(messaging::kSyncHeaderSize));
    if (!welcome) return;
    welcomed_ = true;
    cycle_ = welcome->cycle.id;
    epoch_ = static_cast<std::uint64_t>(welcome->agent_epoch) + 1;
    acknowledged_ = 0;
    next_ = 1;
  } else if (header.type == SyncType::error) {
    welcomed_ = false;
  } else if (header.type == SyncType::ack && header.epoch == epoch_) {
    acknowledged_ = std::max(acknowledged_, header.to);
  }
}

void OfferFlood::say_next(std::uint64_t number) {
  protocol::OfferRecord record{cycle_, {}};
  for (int i = 0; i < rows_; ++i) {
    record.rows.push_back({"s" + std::to_string(i), "Product " + std::to_string(i), 250,
                           1'000 + static_cast<std::int64_t>(number % 500)});
  }
  std::string body;
  encode(record, body);
  send({SyncType::record, 0, epoch_, number, number}, body);
}

void OfferFlood::send(const SyncHeader& header, const std::string& body) {
  std::string frame;
  write_sync_header(header, frame);
  said_ += socket_.send(frame + body) == messaging::Sent::yes;
}

}  // namespace depot::bench

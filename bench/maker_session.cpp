#include "bench/maker_session.hpp"

#include <algorithm>

namespace depot::bench {

using messaging::SyncHeader;
using messaging::SyncType;

namespace {

constexpr auto kHelloEvery = std::chrono::milliseconds(200);

}  // namespace

MakerSession::MakerSession(messaging::Context& context, const std::string& sync_endpoint,
                           std::string id)
    : id_(std::move(id)), socket_(context, messaging::SocketKind::dealer) {
  socket_.connect(sync_endpoint);
}

bool MakerSession::turn(TimePoint now) {
  messaging::Message frame;
  while (socket_.receive(frame)) on_frame(frame.bytes());
  if (!welcomed_ && now >= hello_due_) {
    hello_due_ = now + kHelloEvery;
    std::string body;
    encode(protocol::SyncHello{true, id_, "Maker " + id_, {}, {}, {}, {}}, body);
    send({.type = SyncType::hello}, body);
  }
  return welcomed_;
}

void MakerSession::on_frame(std::string_view frame) {
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
  } else if (header.type == SyncType::ack && header.epoch == epoch_) {
    acknowledged_ = std::max(acknowledged_, header.to);
  }
}

bool MakerSession::send(const SyncHeader& header, const std::string& body) {
  std::string frame;
  write_sync_header(header, frame);
  return send(frame + body);
}

bool MakerSession::send(const std::string& frame) {
  return socket_.send(frame) == messaging::Sent::yes;
}

std::string MakerSession::record(std::uint64_t number, int skus, std::int64_t offered) const {
  protocol::OfferRecord record{cycle_, {}};
  for (int i = 0; i < skus; ++i) {
    const std::string sku = "s" + std::to_string(i);
    record.rows.push_back({sku, "Product " + sku, 250, offered});
  }
  std::string frame, body;
  messaging::write_sync_header({SyncType::record, 0, epoch_, number, number}, frame);
  encode(record, body);
  return frame + body;
}

}  // namespace depot::bench

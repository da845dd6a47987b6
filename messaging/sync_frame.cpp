#include "messaging/sync_frame.hpp"

#include "messaging/little_endian.hpp"

namespace depot::messaging {
namespace {

constexpr std::uint16_t kMagic = 0x5A53;
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kTopicBytesMax = 200;  // libzmq 4.3.4 mishandles topics of 246 to 255 bytes

}  // namespace

void write_sync_header(const SyncHeader& header, std::string& out) {
  char bytes[kSyncHeaderSize];
  FieldWriter(bytes)
      .put(kMagic)
      .put(kVersion)
      .put(static_cast<std::uint8_t>(header.type))
      .put(header.flags)
      .put(header.epoch)
      .put(header.from)
      .put(header.to)
      .put(header.time_us);
  out.append(bytes, sizeof bytes);
}

bool read_sync_header(std::string_view bytes, SyncHeader& header) {
  if (bytes.size() < kSyncHeaderSize) return false;
  FieldReader in(bytes.data());
  if (in.get<std::uint16_t>() != kMagic || in.get<std::uint8_t>() != kVersion) return false;
  const auto type = in.get<std::uint8_t>();
  if (type < static_cast<std::uint8_t>(SyncType::record) ||
      type > static_cast<std::uint8_t>(SyncType::error)) {
    return false;
  }
  header.type = static_cast<SyncType>(type);
  header.flags = in.get<std::uint32_t>();
  header.epoch = in.get<std::uint64_t>();
  header.from = in.get<std::uint64_t>();
  header.to = in.get<std::uint64_t>();
  header.time_us = in.get<std::uint64_t>();
  return true;
}

bool split_topic(std::string_view topic, std::string_view& kind, std::string_view& id) {
  if (topic.size() < 2 || topic.size() > kTopicBytesMax || topic.back() != '/') return false;
  topic.remove_suffix(1);
  const std::size_t slash = topic.find('/');
  kind = topic.substr(0, slash);
  id = slash == std::string_view::npos ? std::string_view{} : topic.substr(slash + 1);
  const bool has_id = slash != std::string_view::npos;
  return !kind.empty() && id.empty() != has_id && id.find('/') == std::string_view::npos;
}

Follower::Step Follower::see(const SyncHeader& header) {
  if (!has_position()) return Step::gap;
  if (header.epoch != epoch_) return Step::other_epoch;
  if (header.to <= last_) return Step::duplicate;
  if (header.from > last_ + 1 || header.to == kNoPosition) return Step::gap;
  last_ = header.to;
  return Step::apply;
}

}  // namespace depot::messaging

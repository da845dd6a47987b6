#include "messaging/sync_frame.hpp"

#include <bit>
#include <cstring>

namespace depot::messaging {
namespace {

constexpr std::size_t kTopicBytesMax = 200;  // libzmq 4.3.4 mishandles topics of 246 to 255 bytes

// As it lies in memory.
struct RawHeader {
  std::uint16_t magic = 0x5A53;
  std::uint8_t version = 1;
  SyncType type = SyncType::head;
  std::uint32_t flags = 0;
  std::uint64_t epoch = 0, from = 0, to = 0, time_us = 0;
};
static_assert(sizeof(RawHeader) == kSyncHeaderSize && std::endian::native == std::endian::little);

}  // namespace

void write_sync_header(const SyncHeader& header, std::string& out) {
  const RawHeader raw{.type = header.type,
                      .flags = header.flags,
                      .epoch = header.epoch,
                      .from = header.from,
                      .to = header.to,
                      .time_us = header.time_us};
  out.append(reinterpret_cast<const char*>(&raw), sizeof raw);
}

bool read_sync_header(std::string_view bytes, SyncHeader& header) {
  RawHeader raw;
  if (bytes.size() < sizeof raw) return false;
  std::memcpy(&raw, bytes.data(), sizeof raw);
  header = {raw.type, raw.flags, raw.epoch, raw.from, raw.to, raw.time_us};
  return raw.magic == RawHeader().magic && raw.version == RawHeader().version &&
         raw.type >= SyncType::record && raw.type <= SyncType::answer;
}

bool split_topic(std::string_view topic, std::string_view& kind, std::string_view& id) {
  if (topic.size() < 2 || topic.size() > kTopicBytesMax || topic.back() != '/') return false;
  topic.remove_suffix(1);
  const std::size_t slash = topic.find('/');
  kind = topic.substr(0, slash);
  const bool has_id = slash != std::string_view::npos;
  id = has_id ? topic.substr(slash + 1) : std::string_view();
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

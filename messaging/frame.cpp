#include "messaging/frame.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

#include "base/fatal.hpp"

namespace depot::messaging {
namespace {

// Headers and records are copied as they lie in memory.
static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(Header) == kHeaderSize);
static_assert(offsetof(RequestRecord, request_id) + sizeof(RequestId) == kRequestRecordHead);
static_assert(offsetof(ReplyRecord, retry_after_ms) + 2 == kReplyRecordHead);

constexpr std::size_t head_of(const RequestRecord&) { return kRequestRecordHead; }
constexpr std::size_t head_of(const ReplyRecord&) { return kReplyRecordHead; }

template <typename Record>
void append(Record record, std::string& out) {
  const std::size_t size = head_of(record) + record.body.size();
  DEPOT_ASSERT(size <= kRecordBytesMax);
  record.length = static_cast<std::uint32_t>(size - sizeof record.length);
  out.append(reinterpret_cast<const char*>(&record), head_of(record)).append(record.body);
}

}  // namespace

void write_header(const Header& header, std::string& out) {
  out.append(reinterpret_cast<const char*>(&header), kHeaderSize);
}

void patch_header(const Header& header, std::string& out) {
  DEPOT_ASSERT(out.size() >= kHeaderSize);
  std::memcpy(out.data(), &header, kHeaderSize);
}

bool read_header(std::string_view frame, Header& header) {
  if (frame.size() < kHeaderSize) return false;
  std::memcpy(&header, frame.data(), kHeaderSize);
  return header.magic == Header().magic && header.version == Header().version &&
         header.type >= FrameType::hello && header.type <= FrameType::bye && header.reserved == 0;
}

std::uint32_t sent_since(std::uint32_t before, const Header& header) {
  const auto more = static_cast<std::int32_t>(header.credit_limit - before);  // modulo 2^32
  return static_cast<std::uint32_t>(std::max(more, 0));
}

void append_request(const RequestRecord& record, std::string& out) { append(record, out); }
void append_reply(const ReplyRecord& record, std::string& out) { append(record, out); }

template <typename Record>
RecordReader<Record>::RecordReader(std::string_view frame, const Header& header)
    : rest_(frame.substr(std::min(frame.size(), kHeaderSize))), left_(header.count) {}

template <typename Record>
bool RecordReader<Record>::next(Record& record) {
  const std::size_t head = head_of(record);
  if (left_ == 0 || rest_.size() < head) {
    ok_ = ok_ && left_ == 0 && rest_.empty();
    return false;
  }
  std::memcpy(&record, rest_.data(), head);
  const std::size_t size = sizeof record.length + std::size_t{record.length};
  if (size < head || size > kRecordBytesMax || size > rest_.size()) return ok_ = false;
  record.body = rest_.substr(head, size - head);
  rest_.remove_prefix(size);
  --left_;
  return true;
}

template class RecordReader<RequestRecord>;
template class RecordReader<ReplyRecord>;

}  // namespace depot::messaging
